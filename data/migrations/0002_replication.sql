-- What a cluster needs: who takes part, what is set aside until it is merged, what is committed.
-- docs/store.md explains every table.

-- Written under a condition on what stood before: never merged.
ALTER TABLE change_log ADD COLUMN compare_and_set INTEGER NOT NULL DEFAULT 0;

-- A lower bound of what a majority has, and whom the cluster began with ("host:port,host:port").
ALTER TABLE node_state ADD COLUMN committed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node_state ADD COLUMN initial_members TEXT NOT NULL DEFAULT '';

-- Replicated: who takes part. A change writes every member anew, so that all carry its revision.
CREATE TABLE member(
  address TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  revision INTEGER NOT NULL,
  hlc INTEGER NOT NULL,
  origin TEXT NOT NULL,
  deleted INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX member_tombstone ON member(hlc) WHERE deleted = 1;

-- The node's own: entries that only it held when it took over another history, until merged.
CREATE TABLE set_aside(
  seq INTEGER NOT NULL PRIMARY KEY,
  common INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  term INTEGER NOT NULL,
  digest BLOB NOT NULL,
  payload BLOB NOT NULL
);

-- The node's own: the node id first seen behind each peer's address. Another one there means that
-- its disk was wiped, and it might vote twice.
CREATE TABLE peer(
  address TEXT NOT NULL PRIMARY KEY,
  node_id TEXT NOT NULL,
  first_seen INTEGER NOT NULL
) WITHOUT ROWID;

-- People read the newest losers first, and the oldest are cleared away.
CREATE INDEX conflict_recorded ON conflict(recorded_at);

-- ---- For people ---------------------------------------------------------------------------------

CREATE VIEW v_members AS
SELECT address,
       kind,
       strftime('%Y-%m-%dT%H:%M:%SZ', (hlc >> 16) / 1000, 'unixepoch') AS changed_at,
       revision
FROM member
WHERE deleted = 0
ORDER BY address;

CREATE VIEW v_conflicts AS
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', recorded_at / 1000, 'unixepoch') AS recorded_at,
       table_name AS what,
       row_key AS which,
       CASE reason WHEN 'older' THEN 'a later write stands'
                   WHEN 'overwritten' THEN 'a later write replaced it'
                   WHEN 'compare-and-set' THEN 'its condition was checked against another history'
                   WHEN 'membership' THEN 'members are not merged'
                   WHEN 'clock ahead' THEN 'the clock that stamped it was more than a minute ahead'
                   ELSE reason END AS why,
       strftime('%Y-%m-%dT%H:%M:%SZ', (lost_hlc >> 16) / 1000, 'unixepoch') AS written_at,
       coalesce((SELECT address FROM peer WHERE node_id = lost_origin),
                CASE WHEN lost_origin = (SELECT node_id FROM node_state) THEN 'this instance'
                     ELSE lost_origin END) AS written_by,
       lost_row
FROM conflict
WHERE deleted = 0
ORDER BY conflict.recorded_at DESC, table_name, row_key;
