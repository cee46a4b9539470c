-- The keys under which sniffers seal batches of flows for ml-detectors. docs/store.md explains.

-- Replicated. The secret rests sealed under a key that is derived from cluster.key, and goes when
-- the key retires. retires_at 0: not before a successor is announced.
CREATE TABLE pipeline_key(
  id INTEGER NOT NULL PRIMARY KEY,
  sealed_secret TEXT NOT NULL,
  active_from INTEGER NOT NULL,
  retires_at INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  author TEXT NOT NULL,
  revision INTEGER NOT NULL,
  hlc INTEGER NOT NULL,
  origin TEXT NOT NULL,
  deleted INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX pipeline_key_tombstone ON pipeline_key(hlc) WHERE deleted = 1;

-- ---- For people ---------------------------------------------------------------------------------

CREATE VIEW v_pipeline_keys AS
SELECT id,
       CASE WHEN active_from > unixepoch() * 1000 THEN 'announced'
            WHEN retires_at > 0 AND retires_at <= unixepoch() * 1000 THEN 'retired'
            WHEN retires_at > 0 THEN 'retiring'
            ELSE 'active' END AS state,
       strftime('%Y-%m-%dT%H:%M:%SZ', active_from / 1000, 'unixepoch') AS active_from,
       CASE WHEN retires_at > 0
            THEN strftime('%Y-%m-%dT%H:%M:%SZ', retires_at / 1000, 'unixepoch') END AS retires_at,
       author
FROM pipeline_key
WHERE deleted = 0
ORDER BY id;
