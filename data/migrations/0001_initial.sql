-- The first schema. docs/store.md explains every table; db/tables.cpp names the replicated ones.
--
-- Replicated tables: key columns first, and hlc, origin, deleted last. All times are milliseconds
-- since 1970 UTC; the views below show them as ISO text.

CREATE TABLE schema_version(
  version INTEGER NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  applied_at INTEGER NOT NULL
);

-- One row: what belongs to this node alone, and totals kept at every commit so that nobody has to
-- scan for them.
CREATE TABLE node_state(
  id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  node_id TEXT NOT NULL,
  term INTEGER NOT NULL,
  voted_for TEXT NOT NULL,
  hlc INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  state_digest BLOB NOT NULL,
  rules_digest INTEGER NOT NULL,
  rules_revision INTEGER NOT NULL,
  rules_floor INTEGER NOT NULL,
  rules_live INTEGER NOT NULL,
  detections INTEGER NOT NULL,
  row_count INTEGER NOT NULL,
  log_base_revision INTEGER NOT NULL,
  log_base_term INTEGER NOT NULL,
  log_base_digest BLOB NOT NULL,
  log_bytes INTEGER NOT NULL
);

CREATE TABLE change_log(
  revision INTEGER NOT NULL PRIMARY KEY,
  term INTEGER NOT NULL,
  hlc INTEGER NOT NULL,
  author TEXT NOT NULL,
  resource TEXT NOT NULL,
  summary TEXT NOT NULL,
  request_id TEXT,
  result TEXT NOT NULL,
  digest BLOB NOT NULL,
  rows BLOB
);
CREATE INDEX change_log_request ON change_log(request_id) WHERE request_id IS NOT NULL;

CREATE TABLE component(
  name TEXT NOT NULL PRIMARY KEY,
  instance_id TEXT NOT NULL,
  role TEXT NOT NULL,
  version TEXT NOT NULL,
  address TEXT NOT NULL,
  public_key TEXT NOT NULL,
  registered_at INTEGER NOT NULL,
  health TEXT NOT NULL,
  health_since INTEGER NOT NULL,
  hlc INTEGER NOT NULL,
  origin TEXT NOT NULL,
  deleted INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX component_tombstone ON component(hlc) WHERE deleted = 1;

CREATE TABLE heartbeat(
  component TEXT NOT NULL PRIMARY KEY,
  instance_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  sent_at INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  status TEXT NOT NULL,
  detail TEXT NOT NULL,
  hlc INTEGER NOT NULL,
  origin TEXT NOT NULL,
  deleted INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX heartbeat_tombstone ON heartbeat(hlc) WHERE deleted = 1;

CREATE TABLE config(
  component TEXT NOT NULL,
  version INTEGER NOT NULL,
  document TEXT NOT NULL,
  sha256 BLOB NOT NULL,
  author TEXT NOT NULL,
  comment TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  hlc INTEGER NOT NULL,
  origin TEXT NOT NULL,
  deleted INTEGER NOT NULL,
  PRIMARY KEY (component, version)
);

-- A deleted configuration keeps its last version here, so that no version number is used twice.
CREATE TABLE config_active(
  component TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  hlc INTEGER NOT NULL,
  origin TEXT NOT NULL,
  deleted INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX config_active_tombstone ON config_active(hlc) WHERE deleted = 1;

CREATE TABLE rule(
  id TEXT NOT NULL PRIMARY KEY,
  cidr TEXT NOT NULL,
  action TEXT NOT NULL,
  reason TEXT NOT NULL,
  score REAL NOT NULL,
  source TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  hlc INTEGER NOT NULL,
  origin TEXT NOT NULL,
  deleted INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX rule_revision ON rule(revision);
CREATE INDEX rule_expiry ON rule(expires_at) WHERE deleted = 0 AND expires_at > 0;
CREATE INDEX rule_tombstone ON rule(hlc) WHERE deleted = 1;

CREATE TABLE detection(
  id TEXT NOT NULL PRIMARY KEY,
  component TEXT NOT NULL,
  kind TEXT NOT NULL,
  source_ip TEXT NOT NULL,
  destination_ip TEXT NOT NULL,
  destination_port INTEGER NOT NULL,
  score REAL NOT NULL,
  detail TEXT NOT NULL,
  rule_id TEXT NOT NULL,
  detected_at INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  hlc INTEGER NOT NULL,
  origin TEXT NOT NULL,
  deleted INTEGER NOT NULL
);
CREATE INDEX detection_revision ON detection(revision);
CREATE INDEX detection_source ON detection(source_ip, revision);

CREATE TABLE applied(
  component TEXT NOT NULL,
  resource TEXT NOT NULL,
  revision INTEGER NOT NULL,
  digest TEXT NOT NULL,
  applied_at INTEGER NOT NULL,
  hlc INTEGER NOT NULL,
  origin TEXT NOT NULL,
  deleted INTEGER NOT NULL,
  PRIMARY KEY (component, resource)
) WITHOUT ROWID;
CREATE INDEX applied_tombstone ON applied(hlc) WHERE deleted = 1;

CREATE TABLE token(
  id TEXT NOT NULL PRIMARY KEY,
  role TEXT NOT NULL,
  component TEXT NOT NULL,
  sealed_psk TEXT NOT NULL,
  uses_left INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked INTEGER NOT NULL,
  author TEXT NOT NULL,
  hlc INTEGER NOT NULL,
  origin TEXT NOT NULL,
  deleted INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX token_expiry ON token(expires_at) WHERE deleted = 0 AND expires_at > 0;
CREATE INDEX token_tombstone ON token(hlc) WHERE deleted = 1;

CREATE TABLE identity(
  public_key TEXT NOT NULL PRIMARY KEY,
  role TEXT NOT NULL,
  name TEXT NOT NULL,
  component TEXT NOT NULL,
  token_id TEXT NOT NULL,
  enrolled_at INTEGER NOT NULL,
  revoked INTEGER NOT NULL,
  hlc INTEGER NOT NULL,
  origin TEXT NOT NULL,
  deleted INTEGER NOT NULL
) WITHOUT ROWID;

-- The origin is part of the key: two nodes cut off from each other may give one revision twice,
-- and neither record may push the other out when they meet again.
CREATE TABLE audit(
  id INTEGER NOT NULL,
  node TEXT NOT NULL,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL,
  hlc INTEGER NOT NULL,
  origin TEXT NOT NULL,
  deleted INTEGER NOT NULL,
  PRIMARY KEY (id, node)
) WITHOUT ROWID;

-- Rows that lost a merge, kept readable.
CREATE TABLE conflict(
  table_name TEXT NOT NULL,
  row_key TEXT NOT NULL,
  lost_hlc INTEGER NOT NULL,
  lost_origin TEXT NOT NULL,
  lost_row TEXT NOT NULL,
  reason TEXT NOT NULL,
  recorded_at INTEGER NOT NULL,
  hlc INTEGER NOT NULL,
  origin TEXT NOT NULL,
  deleted INTEGER NOT NULL,
  PRIMARY KEY (table_name, row_key, lost_hlc, lost_origin)
) WITHOUT ROWID;

-- ---- For people ---------------------------------------------------------------------------------

CREATE VIEW v_components AS
SELECT c.name,
       c.role,
       c.health,
       strftime('%Y-%m-%dT%H:%M:%SZ', c.health_since / 1000, 'unixepoch') AS health_since,
       coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', h.received_at / 1000, 'unixepoch'), 'none yet')
         AS last_heartbeat,
       c.version,
       c.address,
       strftime('%Y-%m-%dT%H:%M:%SZ', c.registered_at / 1000, 'unixepoch') AS registered_at,
       c.instance_id
FROM component c
LEFT JOIN heartbeat h ON h.component = c.name AND h.instance_id = c.instance_id AND h.deleted = 0
WHERE c.deleted = 0
ORDER BY c.name;

CREATE VIEW v_health AS
SELECT c.name,
       c.health,
       coalesce(h.status, 'unknown') AS says,
       coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', h.received_at / 1000, 'unixepoch'), 'none yet')
         AS last_heartbeat,
       CASE WHEN h.received_at IS NULL THEN 'never'
            ELSE max(0, CAST(strftime('%s', 'now') AS INTEGER) - h.received_at / 1000) || ' s ago'
       END AS seen,
       coalesce(h.seq, 0) AS beats,
       coalesce(h.detail, '') AS detail
FROM component c
LEFT JOIN heartbeat h ON h.component = c.name AND h.instance_id = c.instance_id AND h.deleted = 0
WHERE c.deleted = 0
ORDER BY CASE c.health WHEN 'dead' THEN 0 WHEN 'stale' THEN 1 WHEN 'late' THEN 2 ELSE 3 END, c.name;

CREATE VIEW v_configs AS
SELECT c.component,
       c.version,
       CASE WHEN a.version = c.version AND a.deleted = 0 THEN 'active' ELSE 'old' END AS state,
       length(CAST(c.document AS BLOB)) AS bytes,
       strftime('%Y-%m-%dT%H:%M:%SZ', c.created_at / 1000, 'unixepoch') AS created_at,
       c.author,
       c.comment,
       lower(hex(substr(c.sha256, 1, 6))) AS sha256_begins
FROM config c
LEFT JOIN config_active a ON a.component = c.component
WHERE c.deleted = 0
ORDER BY c.component, c.version DESC;

CREATE VIEW v_rules AS
SELECT id,
       action,
       cidr,
       CASE WHEN expires_at = 0 THEN 'never'
            ELSE strftime('%Y-%m-%dT%H:%M:%SZ', expires_at / 1000, 'unixepoch') END AS expires_at,
       source,
       round(score, 3) AS score,
       reason,
       strftime('%Y-%m-%dT%H:%M:%SZ', created_at / 1000, 'unixepoch') AS created_at
FROM rule
WHERE deleted = 0
ORDER BY id;

CREATE VIEW v_detections AS
SELECT strftime('%Y-%m-%dT%H:%M:%SZ', detected_at / 1000, 'unixepoch') AS detected_at,
       kind,
       source_ip AS source,
       CASE WHEN destination_port = 0 THEN destination_ip
            ELSE destination_ip || ' port ' || destination_port END AS target,
       round(score, 3) AS score,
       CASE WHEN rule_id = '' THEN 'none' ELSE rule_id END AS rule,
       component,
       detail
FROM detection
WHERE deleted = 0
ORDER BY revision DESC;

CREATE VIEW v_tokens AS
SELECT id,
       role,
       CASE WHEN component = '' THEN 'any that fits' ELSE component END AS component,
       CASE WHEN revoked = 1 THEN 'revoked'
            WHEN uses_left = 0 THEN 'used'
            WHEN expires_at > 0 AND expires_at / 1000 <= CAST(strftime('%s', 'now') AS INTEGER)
              THEN 'expired'
            ELSE 'valid' END AS state,
       uses_left,
       CASE WHEN expires_at = 0 THEN 'never'
            ELSE strftime('%Y-%m-%dT%H:%M:%SZ', expires_at / 1000, 'unixepoch') END AS expires_at,
       author,
       strftime('%Y-%m-%dT%H:%M:%SZ', created_at / 1000, 'unixepoch') AS created_at
FROM token
WHERE deleted = 0
ORDER BY created_at DESC;

CREATE VIEW v_audit AS
SELECT id AS revision,
       strftime('%Y-%m-%dT%H:%M:%SZ', at / 1000, 'unixepoch') AS at,
       actor,
       action,
       subject,
       detail
FROM audit
WHERE deleted = 0
ORDER BY id DESC;

CREATE VIEW v_changes AS
SELECT revision,
       strftime('%Y-%m-%dT%H:%M:%SZ', (hlc >> 16) / 1000, 'unixepoch') AS at,
       author,
       resource,
       summary,
       length(rows) AS bytes
FROM change_log
ORDER BY revision DESC;
