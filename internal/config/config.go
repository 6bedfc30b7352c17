// Package config owns the configuration file of trent serve: what can stand in
// it, what each setting means when it is left out, and every reason to refuse a
// file. It is strict: a key that it does not know is an error, as is one that
// stands twice, and nothing is guessed.
//
// The commented struct Config is the reference; docs/configuration.md is made
// from it. The package opens no socket and starts nothing. It must never read
// a secret: it opens the crypto module's key file to see whether it could, and
// reads no byte of it. Only cmd/trent imports it.
package config

import "time"

// Config is the whole file. A relative path is relative to the folder of the
// file.
type Config struct {
	// Data is the data folder: the store and the audit trail. `trent init` makes it, with mode 0700; it belongs to the service's user. Of what this file names, only admin.socket may be in it. Required.
	Data string `yaml:"data"`
	// Partition of every ARN. It is the data folder's: `trent init` writes it there, and another one is refused from then on. Default: aws.
	Partition string `yaml:"partition"`
	// Regions that the service answers for. Each is a domain of its own in the crypto module, and must be in the data folder: `trent init` makes those that are listed, `trent region add` those that are listed later. Required.
	Regions []string `yaml:"regions"`
	// Listeners are the ways in for the KMS API. At least one.
	Listeners []Listener `yaml:"listeners"`
	// Audit is about the audit trail.
	Audit Audit `yaml:"audit"`
	// Disk is about how much room the disks of the data folder have.
	Disk Disk `yaml:"disk"`
	// Module is the crypto module, trent-hsm: a child of the service, or a process of its own at a socket. Exactly one of the two.
	Module Module `yaml:"module"`
	// FIPS is on, or strict. On: the crypto module uses Go's FIPS 140-3 module, and what goes beyond approved algorithms (SM2, secp256k1, OAEP with SHA-1, ML-DSA, ML-KEM-512) is marked in the audit record. Strict: only trent-hsm-fips will do, which is built with Go's certified module and refuses all of these. Default: on.
	FIPS string `yaml:"fips"`
	// Unseal says who can open what unseals the crypto module.
	Unseal Unseal `yaml:"unseal"`
	// DomainRotation is how often each Region gets a new domain key: a duration such as 24h, at least 1h. Default: 24h.
	DomainRotation time.Duration `yaml:"domain_rotation"`
	// Quotas are the quotas of an account in a Region. Default: AWS's resource quotas, and no request quotas.
	Quotas Quotas `yaml:"quotas"`
	// Keys is about KMS keys.
	Keys Keys `yaml:"keys"`
	// Log is about the service's log, which goes to standard error.
	Log Log `yaml:"log"`
	// Metrics is the listener for Prometheus and for health checks. Without it there are no metrics.
	Metrics Metrics `yaml:"metrics"`
	// Admin is the socket of the operator's commands (trent status, trent account, …).
	Admin Admin `yaml:"admin"`

	// File is where this was read from, an absolute path.
	File string `yaml:"-"`
	// lines are those of the file's keys, by path.
	lines map[string]int
}

// Listener is one way in: a TCP address or a Unix socket.
type Listener struct {
	// Name is the listener's id in audit records and logs: a-z, 0-9 and -, at most 32, each name once. Required.
	Name string `yaml:"name"`
	// Address is the TCP address, such as 0.0.0.0:8443 or [::1]:8443. Either address or socket is required.
	Address string `yaml:"address"`
	// Socket is the path of a Unix socket, in a folder that belongs to root or the service's user and that nobody else can write. A socket there that nobody listens on is replaced.
	Socket string `yaml:"socket"`
	// Mode of the Unix socket, octal: who may connect. Default: 0600.
	Mode Mode `yaml:"mode"`
	// TLS serves HTTPS: TLS 1.2 or 1.3. Required beyond loopback, unless plaintext is set.
	TLS *TLS `yaml:"tls"`
	// HTTP2 offers HTTP/2 as well, at three times the CPU of HTTP/1.1 alone. Default: false.
	HTTP2 bool `yaml:"http2"`
	// Plaintext permits HTTP without TLS at an address beyond loopback: what is encrypted and decrypted then crosses the network readable, and each start warns. For a proxy on another machine that ends TLS, if you trust the network between. Default: false.
	Plaintext bool `yaml:"plaintext"`
	// Endpoint makes the listener stand for a VPC endpoint: what comes in by it has aws:SourceVpce and aws:SourceVpc, and aws:VpcSourceIp in place of aws:SourceIp.
	Endpoint *Endpoint `yaml:"endpoint"`
}

// Endpoint is what a listener has in common with a VPC endpoint.
type Endpoint struct {
	// Policy is the path of a JSON file with a VPC endpoint policy, of at most 20480 bytes, which bounds what anybody may do by this listener, IAM and STS included. It is read when the service starts. Default: everything.
	Policy string `yaml:"policy"`
	// VPCE is the endpoint's id, which other policies name as aws:SourceVpce: vpce- and a-z, 0-9 and -.
	VPCE string `yaml:"vpce"`
	// VPC is the id of the VPC behind it, aws:SourceVpc: vpc- and a-z, 0-9 and -.
	VPC string `yaml:"vpc"`
}

// TLS names a listener's certificate. Both files are read again on SIGHUP and
// whenever they change; a new pair that would be refused at the start leaves the old one in use.
type TLS struct {
	// Certificate is a PEM file: the server's certificate, then those that lead to its root. Required.
	Certificate string `yaml:"certificate"`
	// Key is a PEM file with the certificate's private key; others must not be able to read it. Required.
	Key string `yaml:"key"`
}

// Audit is about the audit trail.
type Audit struct {
	// Durability says when an answer may leave: strict (its record is on disk) or relaxed (it is written: a crash of the service loses nothing, a loss of power may lose records of the last moments, never the mutations themselves). Default: strict.
	Durability string `yaml:"durability"`
	// StallTimeout is how long a call waits for the disk of the audit trail or of the store before it fails: a duration from 100ms to 1m. While a disk does not answer, later calls fail at once. Default: 10s.
	StallTimeout time.Duration `yaml:"stall_timeout"`
	// Encryption of the trail's segments once they have ended and are signed: docs/operating.md, "Encrypting the audit trail". Without it they stay in the clear; what is encrypted already can be read either way.
	Encryption *AuditEncryption `yaml:"encryption"`
	// Exports deliver the trail's records, at least once, to other places: docs/operating.md, "Exporting the audit trail". Default: none.
	Exports []Export `yaml:"exports"`
}

// AuditEncryption names two keys, each of which opens every file.
type AuditEncryption struct {
	// Key is the ARN of a symmetric KMS key of this service, or of an alias, whose policy lets cloudtrail.amazonaws.com use kms:GenerateDataKey and kms:Decrypt. Each file has a data key of its own under it. Required.
	Key string `yaml:"key"`
	// Recovery is the path of the public recovery key, which `trent audit recovery-key` makes; the private one is kept offline, and reads the trail without the service. Required.
	Recovery string `yaml:"recovery"`
}

// Export is one copy of the audit trail that leaves the machine: one of folder,
// syslog, webhook and s3.
type Export struct {
	// Name of the export in metrics, records and `trent status`, and of its cursor in the data folder: a-z, 0-9 and -, at most 32, each name once. An export of another name begins anew. Required.
	Name string `yaml:"name"`
	// From is where a new export begins: beginning (with the first record that the trail has) or now. Default: beginning.
	From string `yaml:"from"`
	// Format is records (CloudTrail's), or events: rotation, expiry, deletion and replication of keys as EventBridge's events, to syslog or a webhook (docs/operating.md, "Events"). Default: records.
	Format string `yaml:"format"`
	// Every is how long records gather before they are sent to syslog or a webhook: a duration from 100ms to 1h. Files are written when a signed digest covers their records, within five minutes. Default: 1s.
	Every time.Duration `yaml:"every"`
	// MaxBytes is how many bytes of records are delivered at once, 65536 to 67108864: of files before they are compressed, of all accounts and Regions together. The service holds so much in memory. Default: 10485760 for files, 1048576 otherwise.
	MaxBytes Count `yaml:"max_bytes"`
	// Allow names what is refused otherwise: networks (127.0.0.0/8, fe80::/10) that hold loopback, link-local or metadata addresses, and listeners of this service by address and port (127.0.0.1:8443).
	Allow []string `yaml:"allow"`
	// Folder is the path of a folder that is there, not in the data folder: gzip files in CloudTrail's layout, and its digest files.
	Folder string `yaml:"folder"`
	// Encrypt has files encrypted as audit.encryption says, each with a name that ends in .sealed; for folder and s3. Default: false.
	Encrypt bool `yaml:"encrypt"`
	// Syslog is a collector of RFC 5424 messages.
	Syslog *Syslog `yaml:"syslog"`
	// Webhook takes records in POST requests.
	Webhook *Webhook `yaml:"webhook"`
	// S3 is a bucket of S3 or a compatible server: what folder writes.
	S3 *S3 `yaml:"s3"`
}

// Syslog is a collector.
type Syslog struct {
	// Address is tls://host:6514 (RFC 5425), tcp://host:601 or unix:///path of a stream socket; octet counting on all of them. Required.
	Address string `yaml:"address"`
	// Facility is the number of the messages' facility, 1 to 23. Default: 13, log audit.
	Facility Count `yaml:"facility"`
	// Plaintext permits tcp beyond loopback: the network can read the records. Default: false.
	Plaintext bool `yaml:"plaintext"`
	// TLS says whom to trust with tls, and as whom to come.
	TLS *ClientTLS `yaml:"tls"`
}

// Webhook is an HTTP server that takes records.
type Webhook struct {
	// URL is an https URL, to which {"Records":[...]} is posted. It follows no redirect. Required.
	URL string `yaml:"url"`
	// SecretFile has the secret of the signatures (Standard Webhooks): whsec_ and the base64 of 24 to 64 bytes. Only the service's user may be able to read it; it is read for each batch. Required.
	SecretFile string `yaml:"secret_file"`
	// Plaintext permits an http URL beyond loopback. Default: false.
	Plaintext bool `yaml:"plaintext"`
	// TLS says whom to trust, and as whom to come.
	TLS *ClientTLS `yaml:"tls"`
}

// S3 is a bucket.
type S3 struct {
	// Endpoint is the server's https URL, without the bucket, such as https://s3.eu-west-1.amazonaws.com. Required.
	Endpoint string `yaml:"endpoint"`
	// Bucket is the bucket's name; requests are path-style. Required.
	Bucket string `yaml:"bucket"`
	// Region is the Region of the requests' signatures. Required.
	Region string `yaml:"region"`
	// Prefix stands before the name of every object, such as trent/: a-z, A-Z, 0-9 and -_./, not a slash first. Default: none.
	Prefix string `yaml:"prefix"`
	// CredentialsFile has the access key, in the form of AWS's credentials file, profile default. Only the service's user may be able to read it; it is read for each object. Required.
	CredentialsFile string `yaml:"credentials_file"`
	// Plaintext permits an http endpoint beyond loopback. Default: false.
	Plaintext bool `yaml:"plaintext"`
	// TLS says whom to trust, and as whom to come.
	TLS *ClientTLS `yaml:"tls"`
}

// ClientTLS is the TLS of a connection that the service makes; the server's
// certificate is always verified. Files are read at each connection.
type ClientTLS struct {
	// CA is a PEM file with the roots to trust. Default: the system's.
	CA string `yaml:"ca"`
	// Certificate is a PEM file with a client certificate. Default: none.
	Certificate string `yaml:"certificate"`
	// Key is a PEM file with its private key, which only the service's user may be able to read. Required with certificate.
	Key string `yaml:"key"`
}

// Disk says when the log, the metrics and `trent status` warn that a disk fills up:
// when it is full, every call fails.
type Disk struct {
	// WarnPercent warns when less than so many hundredths of the disk are free, 0 to 50. Default: 10.
	WarnPercent Count `yaml:"warn_percent"`
	// WarnBefore warns when the disk will be full within this time at the rate of the last quarter of an hour: a duration from 0s to 168h. Default: 1h.
	WarnBefore time.Duration `yaml:"warn_before"`
}

// Module is the crypto module: one of two.
type Module struct {
	// Child has the service start trent-hsm as its child, under its own user: protection against memory disclosure and mistakes, not against a hijacked service. It wants unseal.same_user.
	Child *Child `yaml:"child"`
	// Socket is the path at which a trent-hsm under another user listens. Its folder belongs to that user.
	Socket string `yaml:"socket"`
}

// Child is a crypto module that the service starts.
type Child struct {
	// Program is the path of trent-hsm, which not everybody may be able to change. Default: trent-hsm beside trent, trent-hsm-fips if fips is strict.
	Program string `yaml:"program"`
	// KeyFile is the module's key file. `trent init` has the module make it. Keep a copy of it, apart from backups of the data folder: together they are every key. Required.
	KeyFile string `yaml:"key_file"`
}

// Unseal says who can open what unseals the crypto module.
type Unseal struct {
	// KeyFile is where the key file of a module at a socket is. The service tries to open it when it starts, and refuses to run if it can. Required with module.socket, unless same_user is set.
	KeyFile string `yaml:"key_file"`
	// SameUser accepts that the service can open the module's key file: whoever takes over the service has every key. Required with module.child. Default: false.
	SameUser bool `yaml:"same_user"`
}

// Quotas are the resource quotas, and the request quotas. What asks for more gets
// AWS's LimitExceededException, or ThrottlingException.
type Quotas struct {
	// Keys is how many KMS keys an account may have in a Region, in whatever state. Default: 100000.
	Keys Count `yaml:"keys"`
	// AliasesPerKey is how many aliases a key may have. Default: 50.
	AliasesPerKey Count `yaml:"aliases_per_key"`
	// TagsPerKey is how many tags a key may have. Default: 50.
	TagsPerKey Count `yaml:"tags_per_key"`
	// KeyPolicyBytes is how long a key policy may be. Default: 32768.
	KeyPolicyBytes Count `yaml:"key_policy_bytes"`
	// GrantsPerKey is how many grants a key may have. Default: 50000.
	GrantsPerKey Count `yaml:"grants_per_key"`
	// Requests are the request quotas: off, aws (AWS's numbers; docs/operating.md, "Request quotas") or custom (AWS's numbers but for requests_per_second). Default: off.
	Requests string `yaml:"requests"`
	// RequestsPerSecond is how many requests of a class an account may make in a second, 1 to 1000000, under custom: CryptographicOperationsSymmetric, …RSA, …ECC, …MLDSA and …MLKEM by the type of the key, GenerateDataKeyPair_RSA_2048 and the like by the spec of the pair, and every other operation by its name.
	RequestsPerSecond map[string]Count `yaml:"requests_per_second"`
}

// Keys is about KMS keys.
type Keys struct {
	// DeletionGuardDays refuses ScheduleKeyDeletion, and trent key delete, for keys that were used in the last so many days, 1 to 3650. Default: none are refused.
	DeletionGuardDays Count `yaml:"deletion_guard_days"`
}

// Log is about the service's log.
type Log struct {
	// Level is one of debug, info, warn and error. Default: info.
	Level string `yaml:"level"`
	// Format is json or text. Default: json.
	Format string `yaml:"format"`
	// Requests is which requests get a line, never with a secret: all, errors (those that fail) or none. Default: all.
	Requests string `yaml:"requests"`
}

// Metrics is the listener for Prometheus.
type Metrics struct {
	// Address is a TCP address that answers GET /metrics, /healthz and /readyz; it is plain HTTP without a password, so let only the collector reach it.
	Address string `yaml:"address"`
}

// Admin is the operator's socket.
type Admin struct {
	// Socket is the path of the Unix socket, in the data folder or in one that belongs to root or the service's user and that nobody else can write. Default: admin.sock in the data folder.
	Socket string `yaml:"socket"`
	// Users are the numbers of users (id -u) who may use the socket, beside root and the service's own: each of them can give himself access keys of every account. They have to reach the socket, so it needs a path outside of the data folder.
	Users []User `yaml:"users"`
}

// Values of Audit.Durability.
const (
	DurabilityStrict  = "strict"
	DurabilityRelaxed = "relaxed"
)

// Values of Export.From.
const (
	FromBeginning = "beginning"
	FromNow       = "now"
)

// Values of Export.Format.
const (
	FormatRecords = "records"
	FormatEvents  = "events"
)

// Values of FIPS.
const (
	FIPSOn     = "on"
	FIPSStrict = "strict"
)

// Values of Log.Format.
const (
	FormatText = "text"
	FormatJSON = "json"
)

// Values of Log.Requests.
const (
	RequestsAll    = "all"
	RequestsErrors = "errors" // whose answer is an error
	RequestsNone   = "none"
)

// Defaults that are not the zero value.
const (
	defaultPartition = "aws"
	defaultRotation  = 24 * time.Hour
	defaultStall     = 10 * time.Second

	defaultWarnPercent = 10
	defaultWarnBefore  = time.Hour
	defaultMode        = 0o600
)
