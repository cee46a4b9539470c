-- Models that ml-detectors fetch, in parts. docs/store.md explains.

-- Replicated. A model is known by the SHA-256 of its bytes, and complete when all of its `parts`
-- are there: the last one is taken only if the whole hashes to that name.
CREATE TABLE model_part(
  sha256 TEXT NOT NULL,
  part INTEGER NOT NULL,
  parts INTEGER NOT NULL,
  name TEXT NOT NULL,
  size INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  author TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  hlc INTEGER NOT NULL,
  origin TEXT NOT NULL,
  deleted INTEGER NOT NULL,
  PRIMARY KEY (sha256, part)
);
CREATE INDEX model_part_tombstone ON model_part(hlc) WHERE deleted = 1;

-- ---- For people ---------------------------------------------------------------------------------

CREATE VIEW v_models AS
SELECT name, sha256, sum(size) AS bytes,
       CASE WHEN count(*) = max(parts) THEN 'complete'
            ELSE count(*) || ' of ' || max(parts) || ' parts' END AS state,
       strftime('%Y-%m-%dT%H:%M:%SZ', max(created_at) / 1000, 'unixepoch') AS pushed_at,
       max(author) AS author
FROM model_part
WHERE deleted = 0
GROUP BY sha256, name
ORDER BY max(created_at) DESC;
