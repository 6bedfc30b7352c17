package proto

import "fmt"

// commandNames is total: TestCommands checks it against docs/formats.md.
var commandNames = map[Command]string{
	CmdHello: "hello", CmdStatus: "status", CmdMoveClock: "move clock",
	CmdCreateDomain: "create domain", CmdLoadDomain: "load domain", CmdRotateDomain: "rotate domain", CmdRewrap: "rewrap",
	CmdAddReplicationKey: "add replication key", CmdReplicationKey: "replication key",
	CmdOfferReplica: "offer replica", CmdSendReplica: "send replica", CmdReceiveReplica: "receive replica",
	CmdCreateServiceKey: "create service key", CmdReleaseServiceKey: "release service key",
	CmdCreateAuditKey: "create audit key", CmdSignDigest: "sign digest",
	CmdSealAccessKeySecret: "seal access-key secret", CmdCreateAccessKeySecret: "create access-key secret",
	CmdDeriveDayKey: "derive day key",
	CmdCreateKey:    "create key", CmdEncrypt: "encrypt", CmdDecrypt: "decrypt", CmdCheckCiphertext: "check ciphertext",
	CmdReEncrypt: "re-encrypt", CmdGenerateDataKey: "generate data key",
	CmdGenerateDataKeyWithoutPlaintext: "generate data key without plaintext", CmdGenerateRandom: "generate random",
	CmdSign: "sign", CmdVerify: "verify", CmdGenerateMac: "generate mac", CmdVerifyMac: "verify mac",
	CmdDeriveSharedSecret: "derive shared secret", CmdEncapsulate: "encapsulate", CmdDecapsulate: "decapsulate",
	CmdPublicEncrypt: "public encrypt", CmdPrivateDecrypt: "private decrypt", CmdCheckPrivateCiphertext: "check private ciphertext",
	CmdReEncryptAny: "re-encrypt any", CmdGenerateDataKeyPair: "generate data key pair",
	CmdImportParameters: "import parameters", CmdImportKey: "import key",
}

// String is the command's name, as docs/formats.md has it.
func (c Command) String() string {
	if name, ok := commandNames[c]; ok {
		return name
	}
	return fmt.Sprintf("command 0x%02x", uint8(c))
}

// Slow reports whether the command may wait in a lane of the module, beside the
// connection's reader: domains, and what depends on the key's spec.
func (c Command) Slow() bool {
	switch c {
	case CmdCreateDomain, CmdLoadDomain, CmdRotateDomain, CmdAddReplicationKey, CmdOfferReplica, CmdSendReplica, CmdReceiveReplica,
		CmdCreateAuditKey, CmdSignDigest, CmdCreateKey, CmdSign, CmdVerify, CmdDeriveSharedSecret, CmdEncapsulate, CmdDecapsulate,
		CmdPublicEncrypt, CmdPrivateDecrypt, CmdCheckPrivateCiphertext, CmdReEncryptAny, CmdGenerateDataKeyPair,
		CmdImportParameters, CmdImportKey:
		return true
	}
	return false
}

// Known reports whether the protocol has the command.
func (c Command) Known() bool {
	_, ok := commandNames[c]
	return ok
}
