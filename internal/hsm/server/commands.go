package server

import "trent/internal/hsm/proto"

// Engine is internal/hsm/engine, as the server needs it. Each command appends
// its answer's message to dst and returns it with StatusOK, or dst as it was
// with the reason. Messages point into the frame and are valid until the
// method returns. Methods are called concurrently.
type Engine interface {
	// Info describes the module; the server sets version and counters.
	Info() proto.Info
	// Muted reports whether the module has failed; then no command is called.
	Muted() bool
	// Weigh says whether a request takes so long that no fast one may wait for
	// it, by its key's spec, which it returns, and in whose turn it is done. It
	// reads what is not authenticated yet: a wrong answer costs time only.
	Weigh(cmd proto.Command, message []byte) (account string, spec uint16, slow bool)

	MoveClock(m *proto.MoveClockRequest, dst []byte) ([]byte, proto.Status)
	CreateDomain(m *proto.CreateDomainRequest, dst []byte) ([]byte, proto.Status)
	LoadDomain(m *proto.LoadDomainRequest, dst []byte) ([]byte, proto.Status)
	RotateDomain(m *proto.RotateDomainRequest, dst []byte) ([]byte, proto.Status)
	Rewrap(m *proto.RewrapRequest, dst []byte) ([]byte, proto.Status)
	AddReplicationKey(m *proto.RotateDomainRequest, dst []byte) ([]byte, proto.Status)
	ReplicationKey(m *proto.RotateDomainRequest, dst []byte) ([]byte, proto.Status)
	OfferReplica(m *proto.OfferReplicaRequest, dst []byte) ([]byte, proto.Status)
	SendReplica(m *proto.SendReplicaRequest, dst []byte) ([]byte, proto.Status)
	ReceiveReplica(m *proto.ReceiveReplicaRequest, dst []byte) ([]byte, proto.Status)
	CreateServiceKey(m *proto.CreateServiceKeyRequest, dst []byte) ([]byte, proto.Status)
	ReleaseServiceKey(m *proto.KeyRef, dst []byte) ([]byte, proto.Status)

	CreateAuditKey(m *proto.CreateAuditKeyRequest, dst []byte) ([]byte, proto.Status)
	SignDigest(m *proto.SignRequest, dst []byte) ([]byte, proto.Status)

	SealAccessKeySecret(m *proto.SealSecretRequest, dst []byte) ([]byte, proto.Status)
	CreateAccessKeySecret(m *proto.CreateSecretRequest, dst []byte) ([]byte, proto.Status)
	DeriveDayKey(m *proto.DayKeyRequest, dst []byte) ([]byte, proto.Status)

	CreateKey(m *proto.CreateKeyRequest, dst []byte) ([]byte, proto.Status)
	// CreateReadyKey is CreateKey, but StatusBusy instead of seconds.
	CreateReadyKey(m *proto.CreateKeyRequest, dst []byte) ([]byte, proto.Status)
	Encrypt(m *proto.EncryptRequest, dst []byte) ([]byte, proto.Status)
	Decrypt(m *proto.DecryptRequest, dst []byte) ([]byte, proto.Status)
	CheckCiphertext(m *proto.DecryptRequest, dst []byte) ([]byte, proto.Status)
	ReEncrypt(m *proto.ReEncryptRequest, dst []byte) ([]byte, proto.Status)
	GenerateDataKey(m *proto.GenerateDataKeyRequest, dst []byte) ([]byte, proto.Status)
	GenerateDataKeyWithoutPlaintext(m *proto.GenerateDataKeyRequest, dst []byte) ([]byte, proto.Status)
	GenerateRandom(m *proto.GenerateRandomRequest, dst []byte) ([]byte, proto.Status)

	Sign(m *proto.SignRequest, dst []byte) ([]byte, proto.Status)
	Verify(m *proto.VerifyRequest, dst []byte) ([]byte, proto.Status)
	GenerateMac(m *proto.SignRequest, dst []byte) ([]byte, proto.Status)
	VerifyMac(m *proto.VerifyRequest, dst []byte) ([]byte, proto.Status)
	DeriveSharedSecret(m *proto.AgreeRequest, dst []byte) ([]byte, proto.Status)
	Encapsulate(m *proto.EncapsulateRequest, dst []byte) ([]byte, proto.Status)
	Decapsulate(m *proto.DecapsulateRequest, dst []byte) ([]byte, proto.Status)
	PublicEncrypt(m *proto.PublicEncryptRequest, dst []byte) ([]byte, proto.Status)
	PrivateDecrypt(m *proto.PrivateDecryptRequest, dst []byte) ([]byte, proto.Status)
	CheckPrivateCiphertext(m *proto.PrivateDecryptRequest, dst []byte) ([]byte, proto.Status)
	ReEncryptAny(m *proto.ReEncryptAnyRequest, dst []byte) ([]byte, proto.Status)
	GenerateDataKeyPair(m *proto.DataKeyPairRequest, dst []byte) ([]byte, proto.Status)
	// GenerateReadyDataKeyPair is GenerateDataKeyPair, but StatusBusy instead of seconds.
	GenerateReadyDataKeyPair(m *proto.DataKeyPairRequest, dst []byte) ([]byte, proto.Status)

	ImportParameters(m *proto.ImportParametersRequest, dst []byte) ([]byte, proto.Status)
	// ImportReadyParameters is ImportParameters, but StatusBusy instead of seconds.
	ImportReadyParameters(m *proto.ImportParametersRequest, dst []byte) ([]byte, proto.Status)
	ImportKey(m *proto.ImportKeyRequest, dst []byte) ([]byte, proto.Status)
}

// requests is one of each message, so that a connection decodes without
// allocating.
type requests struct {
	moveClock        proto.MoveClockRequest
	createDomain     proto.CreateDomainRequest
	loadDomain       proto.LoadDomainRequest
	rotateDomain     proto.RotateDomainRequest
	rewrap           proto.RewrapRequest
	createServiceKey proto.CreateServiceKeyRequest
	createAuditKey   proto.CreateAuditKeyRequest
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
	sign             proto.SignRequest
	verify           proto.VerifyRequest
	agree            proto.AgreeRequest
	encapsulate      proto.EncapsulateRequest
	decapsulate      proto.DecapsulateRequest
	publicEncrypt    proto.PublicEncryptRequest
	privateDecrypt   proto.PrivateDecryptRequest
	reEncryptAny     proto.ReEncryptAnyRequest
	dataKeyPair      proto.DataKeyPairRequest
	offerReplica     proto.OfferReplicaRequest
	sendReplica      proto.SendReplicaRequest
	receiveReplica   proto.ReceiveReplicaRequest
	importParameters proto.ImportParametersRequest
	importKey        proto.ImportKeyRequest
}

// handler decodes a message and runs its command.
type handler func(e Engine, q *requests, dst, message []byte) ([]byte, proto.Status)

// command is a row of the table.
type command struct {
	run handler
	// slow commands run in the lane, in nobody's turn.
	slow bool
	// weighed commands run in the lane, or at once, as Engine.Weigh says.
	weighed bool
	// ready is what the slow lane runs of a command that may take seconds. If it
	// answers StatusBusy, run is for the making lane.
	ready handler
}

// commands has every command but hello and status, which the connection
// answers itself.
var commands = [256]command{
	proto.CmdMoveClock:         fast(with(func(q *requests) *proto.MoveClockRequest { return &q.moveClock }, Engine.MoveClock)),
	proto.CmdCreateDomain:      slow(with(func(q *requests) *proto.CreateDomainRequest { return &q.createDomain }, Engine.CreateDomain)),
	proto.CmdLoadDomain:        slow(with(func(q *requests) *proto.LoadDomainRequest { return &q.loadDomain }, Engine.LoadDomain)),
	proto.CmdRotateDomain:      slow(with(func(q *requests) *proto.RotateDomainRequest { return &q.rotateDomain }, Engine.RotateDomain)),
	proto.CmdRewrap:            fast(with(func(q *requests) *proto.RewrapRequest { return &q.rewrap }, Engine.Rewrap)),
	proto.CmdCreateServiceKey:  fast(with(func(q *requests) *proto.CreateServiceKeyRequest { return &q.createServiceKey }, Engine.CreateServiceKey)),
	proto.CmdReleaseServiceKey: fast(with(func(q *requests) *proto.KeyRef { return &q.key }, Engine.ReleaseServiceKey)),

	proto.CmdCreateAuditKey: slow(with(func(q *requests) *proto.CreateAuditKeyRequest { return &q.createAuditKey }, Engine.CreateAuditKey)),
	proto.CmdSignDigest:     slow(with(func(q *requests) *proto.SignRequest { return &q.sign }, Engine.SignDigest)),

	proto.CmdAddReplicationKey: slow(with(func(q *requests) *proto.RotateDomainRequest { return &q.rotateDomain }, Engine.AddReplicationKey)),
	proto.CmdReplicationKey:    fast(with(func(q *requests) *proto.RotateDomainRequest { return &q.rotateDomain }, Engine.ReplicationKey)),
	proto.CmdOfferReplica:      slow(with(func(q *requests) *proto.OfferReplicaRequest { return &q.offerReplica }, Engine.OfferReplica)),
	proto.CmdSendReplica:       slow(with(func(q *requests) *proto.SendReplicaRequest { return &q.sendReplica }, Engine.SendReplica)),
	proto.CmdReceiveReplica:    slow(with(func(q *requests) *proto.ReceiveReplicaRequest { return &q.receiveReplica }, Engine.ReceiveReplica)),

	proto.CmdSealAccessKeySecret:   fast(with(func(q *requests) *proto.SealSecretRequest { return &q.sealSecret }, Engine.SealAccessKeySecret)),
	proto.CmdCreateAccessKeySecret: fast(with(func(q *requests) *proto.CreateSecretRequest { return &q.createSecret }, Engine.CreateAccessKeySecret)),
	proto.CmdDeriveDayKey:          fast(with(func(q *requests) *proto.DayKeyRequest { return &q.dayKey }, Engine.DeriveDayKey)),

	proto.CmdCreateKey: making(with(func(q *requests) *proto.CreateKeyRequest { return &q.createKey }, Engine.CreateKey),
		with(func(q *requests) *proto.CreateKeyRequest { return &q.createKey }, Engine.CreateReadyKey)),
	proto.CmdEncrypt:         fast(with(func(q *requests) *proto.EncryptRequest { return &q.encrypt }, Engine.Encrypt)),
	proto.CmdDecrypt:         fast(with(func(q *requests) *proto.DecryptRequest { return &q.decrypt }, Engine.Decrypt)),
	proto.CmdCheckCiphertext: fast(with(func(q *requests) *proto.DecryptRequest { return &q.decrypt }, Engine.CheckCiphertext)),
	proto.CmdReEncrypt:       fast(with(func(q *requests) *proto.ReEncryptRequest { return &q.reEncrypt }, Engine.ReEncrypt)),
	proto.CmdGenerateDataKey: fast(with(func(q *requests) *proto.GenerateDataKeyRequest { return &q.generateDataKey }, Engine.GenerateDataKey)),
	proto.CmdGenerateDataKeyWithoutPlaintext: fast(with(func(q *requests) *proto.GenerateDataKeyRequest { return &q.generateDataKey },
		Engine.GenerateDataKeyWithoutPlaintext)),
	proto.CmdGenerateRandom: fast(with(func(q *requests) *proto.GenerateRandomRequest { return &q.generateRandom }, Engine.GenerateRandom)),

	proto.CmdSign:                   weighed(with(func(q *requests) *proto.SignRequest { return &q.sign }, Engine.Sign)),
	proto.CmdVerify:                 weighed(with(func(q *requests) *proto.VerifyRequest { return &q.verify }, Engine.Verify)),
	proto.CmdGenerateMac:            fast(with(func(q *requests) *proto.SignRequest { return &q.sign }, Engine.GenerateMac)),
	proto.CmdVerifyMac:              fast(with(func(q *requests) *proto.VerifyRequest { return &q.verify }, Engine.VerifyMac)),
	proto.CmdDeriveSharedSecret:     weighed(with(func(q *requests) *proto.AgreeRequest { return &q.agree }, Engine.DeriveSharedSecret)),
	proto.CmdEncapsulate:            weighed(with(func(q *requests) *proto.EncapsulateRequest { return &q.encapsulate }, Engine.Encapsulate)),
	proto.CmdDecapsulate:            weighed(with(func(q *requests) *proto.DecapsulateRequest { return &q.decapsulate }, Engine.Decapsulate)),
	proto.CmdPublicEncrypt:          weighed(with(func(q *requests) *proto.PublicEncryptRequest { return &q.publicEncrypt }, Engine.PublicEncrypt)),
	proto.CmdPrivateDecrypt:         weighed(with(func(q *requests) *proto.PrivateDecryptRequest { return &q.privateDecrypt }, Engine.PrivateDecrypt)),
	proto.CmdCheckPrivateCiphertext: weighed(with(func(q *requests) *proto.PrivateDecryptRequest { return &q.privateDecrypt }, Engine.CheckPrivateCiphertext)),
	proto.CmdReEncryptAny:           weighed(with(func(q *requests) *proto.ReEncryptAnyRequest { return &q.reEncryptAny }, Engine.ReEncryptAny)),
	proto.CmdGenerateDataKeyPair: making(with(func(q *requests) *proto.DataKeyPairRequest { return &q.dataKeyPair }, Engine.GenerateDataKeyPair),
		with(func(q *requests) *proto.DataKeyPairRequest { return &q.dataKeyPair }, Engine.GenerateReadyDataKeyPair)),

	proto.CmdImportParameters: making(with(func(q *requests) *proto.ImportParametersRequest { return &q.importParameters }, Engine.ImportParameters),
		with(func(q *requests) *proto.ImportParametersRequest { return &q.importParameters }, Engine.ImportReadyParameters)),
	proto.CmdImportKey: weighed(with(func(q *requests) *proto.ImportKeyRequest { return &q.importKey }, Engine.ImportKey)),
}

// fast is a command of microseconds, run by the connection's reader.
func fast(run handler) command { return command{run: run} }

// slow is a command for the lane that belongs to no account.
func slow(run handler) command { return command{run: run, slow: true} }

// weighed is a command whose time depends on its key.
func weighed(run handler) command { return command{run: run, weighed: true} }

// making is a weighed command that may take seconds, and what it is without them.
func making(run, ready handler) command { return command{run: run, weighed: true, ready: ready} }

// with makes the handler of a command whose message is an M.
func with[M any, P interface {
	*M
	Decode([]byte) error
}](field func(*requests) P, do func(Engine, P, []byte) ([]byte, proto.Status)) handler {
	return func(e Engine, q *requests, dst, message []byte) ([]byte, proto.Status) {
		m := field(q)
		if m.Decode(message) != nil {
			return dst, proto.StatusMalformed
		}
		return do(e, m, dst)
	}
}
