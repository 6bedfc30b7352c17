package config

// Example is a configuration with every key, each of which it explains in a few
// words. What it names does not exist.
const Example = `# Configuration of "trent serve". docs/configuration.md explains every key.
# Relative paths start at this file's folder.

# The store and the audit trail. "trent init" makes it.
data: /var/lib/trent

# Of every ARN.
partition: aws

# "trent init" makes the domains of these Regions, "trent region add" those that
# are added here later.
regions: [eu-west-1, us-east-1]

listeners:
  # The name stands in audit records.
  - name: public
    address: 0.0.0.0:8443
    # Read again on SIGHUP and when the files change.
    tls:
      certificate: /etc/trent/tls/server.pem
      key: /etc/trent/tls/server.key
    http2: false
    # Plain HTTP beyond loopback, in place of tls: what is encrypted and
    # decrypted can then be read on the network.
    # plaintext: true
  # For users in the group of this folder.
  - name: local
    socket: /run/trent/kms.sock
    mode: 0660
    # As a VPC endpoint: its policy bounds what anybody may do by this listener,
    # and other policies can name where a call comes from.
    endpoint:
      policy: /etc/trent/endpoint.json
      vpce: vpce-local
      vpc: vpc-local

audit:
  # strict: an answer leaves when its record is on disk. relaxed: when it is
  # written; a loss of power may then lose records of the last moments.
  durability: strict
  # A call whose disk does not answer fails after this time; the next, at once.
  stall_timeout: 10s
  # Encrypts what has ended and is signed, under a KMS key of this service; the
  # offline recovery key (trent audit recovery-key) opens it as well.
  encryption:
    key: arn:aws:kms:eu-west-1:111122223333:alias/audit
    recovery: /etc/trent/audit-recovery.pub
  # Copies of the trail for other places. What is delivered is remembered in the
  # data folder by the name.
  exports:
    - name: archive
      # Or now: where a new export begins.
      from: beginning
      # A folder that is there: CloudTrail's files.
      folder: /srv/audit-archive
      # Its files are encrypted as audit.encryption says.
      encrypt: true
    - name: siem
      # How long records gather, and how many bytes are delivered at once.
      every: 1s
      max_bytes: 1048576
      # Or tcp://host:601, unix:///path.
      syslog:
        address: tls://logs.example.com:6514
        facility: 13
        plaintext: false
        tls:
          ca: /etc/trent/exports/logs-ca.pem
          certificate: /etc/trent/exports/client.pem
          key: /etc/trent/exports/client.key
    - name: hook
      # Loopback, link-local and metadata addresses, and this service's own
      # listeners, only if they stand here.
      allow: [127.0.0.0/8]
      # EventBridge's events in place of records.
      format: events
      webhook:
        url: https://localhost:9443/trent
        secret_file: /etc/trent/exports/hook.secret
    - name: bucket
      s3:
        endpoint: https://s3.eu-west-1.amazonaws.com
        bucket: example-audit
        region: eu-west-1
        prefix: trent/
        # aws_access_key_id and aws_secret_access_key, below [default].
        credentials_file: /etc/trent/exports/credentials

# When to warn that a disk fills up: with less than so many hundredths free, and
# when it will be full so soon.
disk:
  warn_percent: 10
  warn_before: 1h

# The crypto module, trent-hsm: under a user of its own, at a socket ...
module:
  socket: /run/trent-hsm/socket
  # ... or as the service's child, in place of socket. Then say
  # unseal.same_user: true, and leave out unseal.key_file.
  # child:
  #   program: /usr/bin/trent-hsm
  #   key_file: /var/lib/trent-hsm/module.key

# strict: only trent-hsm-fips, which refuses what FIPS 140-3 does not approve.
fips: on

unseal:
  # The service refuses to start if it can open this file.
  key_file: /var/lib/trent-hsm/module.key
  # true accepts that it can.
  same_user: false

# How often each Region gets a new domain key.
domain_rotation: 24h

# Of an account in a Region; these are AWS's numbers. Requests: off, aws, or custom
# with numbers of its own for some classes.
quotas:
  keys: 100000
  aliases_per_key: 50
  tags_per_key: 50
  key_policy_bytes: 32768
  grants_per_key: 50000
  requests: custom
  requests_per_second:
    CryptographicOperationsSymmetric: 5000
    GenerateDataKeyPair_RSA_4096: 2
    CreateKey: 10

# A key that was used in the last 30 days cannot be scheduled for deletion.
keys:
  deletion_guard_days: 30

log:
  level: info
  format: json
  # A line for each request (all), for those that fail (errors), or none.
  requests: all

# Prometheus, and health checks. Plain HTTP: for the collector only.
metrics:
  address: 127.0.0.1:9464

# The socket of "trent status", "trent account" and the like.
admin:
  socket: /run/trent/admin.sock
  # Who may use it beside root and the service's own user, by number (id -u).
  users: []
`
