package server

import "trent/internal/hsm/proto"

// Engine is what the server needs of internal/hsm/engine. Each command appends
// its answer's message to dst and returns it with StatusOK, or dst as it was
// with the reason. Messages point into the frame and are valid until the
// method returns. Methods are called concurrently.
type Engine interface {
	// Info describes the module; the server sets version and counters.
	Info() proto.Info
	// Mute reports whether the module has failed; then no command is called.
	Mute() bool

	CreateDomain(dst []byte, m *proto.CreateDomainRequest) ([]byte, proto.Status)
	LoadDomain(dst []byte, m *proto.LoadDomainRequest) ([]byte, proto.Status)
	RotateDomain(dst []byte, m *proto.RotateDomainRequest) ([]byte, proto.Status)
	Rewrap(dst []byte, m *proto.RewrapRequest) ([]byte, proto.Status)
	CreateServiceKey(dst []byte, m *proto.CreateServiceKeyRequest) ([]byte, proto.Status)
	ReleaseServiceKey(dst []byte, m *proto.KeyRef) ([]byte, proto.Status)

	SealAccessKeySecret(dst []byte, m *proto.SealSecretRequest) ([]byte, proto.Status)
	CreateAccessKeySecret(dst []byte, m *proto.CreateSecretRequest) ([]byte, proto.Status)
	DeriveDayKey(dst []byte, m *proto.DayKeyRequest) ([]byte, proto.Status)

	CreateKey(dst []byte, m *proto.CreateKeyRequest) ([]byte, proto.Status)
	Encrypt(dst []byte, m *proto.EncryptRequest) ([]byte, proto.Status)
	Decrypt(dst []byte, m *proto.DecryptRequest) ([]byte, proto.Status)
	CheckCiphertext(dst []byte, m *proto.DecryptRequest) ([]byte, proto.Status)
	ReEncrypt(dst []byte, m *proto.ReEncryptRequest) ([]byte, proto.Status)
	GenerateDataKey(dst []byte, m *proto.GenerateDataKeyRequest) ([]byte, proto.Status)
	GenerateDataKeyWithoutPlaintext(dst []byte, m *proto.GenerateDataKeyRequest) ([]byte, proto.Status)
	GenerateRandom(dst []byte, m *proto.GenerateRandomRequest) ([]byte, proto.Status)
}

// requests is one of each message, so that a connection decodes without
// allocating.
type requests struct {
	createDomain     proto.CreateDomainRequest
	loadDomain       proto.LoadDomainRequest
	rotateDomain     proto.RotateDomainRequest
	rewrap           proto.RewrapRequest
	createServiceKey proto.CreateServiceKeyRequest
	key              proto.KeyRef
	sealSecret       proto.SealSecretRequest
	createSecret     proto.CreateSecretRequest
	dayKey           proto.DayKeyRequest
	createKey        proto.CreateKeyRequest
	encrypt          proto.EncryptRequest
	decrypt          proto.DecryptRequest
	reEncrypt        proto.ReEncryptRequest
	generateDataKey  proto.GenerateDataKeyRequest
	generateRandom   proto.GenerateRandomRequest
}

// handler decodes a message and runs its command.
type handler func(e Engine, q *requests, dst, message []byte) ([]byte, proto.Status)

// command is a row of the table.
type command struct {
	run handler
	// slow commands run in the lane; account names whose turn they take.
	slow    bool
	account func(message []byte) string
}

// commands has every command but hello and status, which the connection
// answers itself.
var commands = [256]command{
	proto.CmdCreateDomain:      slow(with(func(q *requests) *proto.CreateDomainRequest { return &q.createDomain }, Engine.CreateDomain)),
	proto.CmdLoadDomain:        slow(with(func(q *requests) *proto.LoadDomainRequest { return &q.loadDomain }, Engine.LoadDomain)),
	proto.CmdRotateDomain:      slow(with(func(q *requests) *proto.RotateDomainRequest { return &q.rotateDomain }, Engine.RotateDomain)),
	proto.CmdRewrap:            fast(with(func(q *requests) *proto.RewrapRequest { return &q.rewrap }, Engine.Rewrap)),
	proto.CmdCreateServiceKey:  fast(with(func(q *requests) *proto.CreateServiceKeyRequest { return &q.createServiceKey }, Engine.CreateServiceKey)),
	proto.CmdReleaseServiceKey: fast(with(func(q *requests) *proto.KeyRef { return &q.key }, Engine.ReleaseServiceKey)),

	proto.CmdSealAccessKeySecret:   fast(with(func(q *requests) *proto.SealSecretRequest { return &q.sealSecret }, Engine.SealAccessKeySecret)),
	proto.CmdCreateAccessKeySecret: fast(with(func(q *requests) *proto.CreateSecretRequest { return &q.createSecret }, Engine.CreateAccessKeySecret)),
	proto.CmdDeriveDayKey:          fast(with(func(q *requests) *proto.DayKeyRequest { return &q.dayKey }, Engine.DeriveDayKey)),

	proto.CmdCreateKey:       fast(with(func(q *requests) *proto.CreateKeyRequest { return &q.createKey }, Engine.CreateKey)),
	proto.CmdEncrypt:         fast(with(func(q *requests) *proto.EncryptRequest { return &q.encrypt }, Engine.Encrypt)),
	proto.CmdDecrypt:         fast(with(func(q *requests) *proto.DecryptRequest { return &q.decrypt }, Engine.Decrypt)),
	proto.CmdCheckCiphertext: fast(with(func(q *requests) *proto.DecryptRequest { return &q.decrypt }, Engine.CheckCiphertext)),
	proto.CmdReEncrypt:       fast(with(func(q *requests) *proto.ReEncryptRequest { return &q.reEncrypt }, Engine.ReEncrypt)),
	proto.CmdGenerateDataKey: fast(with(func(q *requests) *proto.GenerateDataKeyRequest { return &q.generateDataKey }, Engine.GenerateDataKey)),
	proto.CmdGenerateDataKeyWithoutPlaintext: fast(with(func(q *requests) *proto.GenerateDataKeyRequest { return &q.generateDataKey },
		Engine.GenerateDataKeyWithoutPlaintext)),
	proto.CmdGenerateRandom: fast(with(func(q *requests) *proto.GenerateRandomRequest { return &q.generateRandom }, Engine.GenerateRandom)),
}

// fast is a command of microseconds, run by the connection's reader.
func fast(run handler) command { return command{run: run} }

// slow is a command for the lane that belongs to no account.
func slow(run handler) command {
	return command{run: run, slow: true, account: func([]byte) string { return "" }}
}

// with makes the handler of a command whose message is an M.
func with[M any, P interface {
	*M
	Decode([]byte) error
}](field func(*requests) P, do func(Engine, []byte, P) ([]byte, proto.Status)) handler {
	return func(e Engine, q *requests, dst, message []byte) ([]byte, proto.Status) {
		m := field(q)
		if m.Decode(message) != nil {
			return dst, proto.StatusMalformed
		}
		return do(e, dst, m)
	}
}
