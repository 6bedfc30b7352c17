package proto

import "fmt"

// commandNames is total: TestCommands checks it against docs/formats.md.
var commandNames = map[Command]string{
	CmdHello: "hello", CmdStatus: "status", CmdMoveClock: "move clock",
	CmdCreateDomain: "create domain", CmdLoadDomain: "load domain", CmdRotateDomain: "rotate domain", CmdRewrap: "rewrap",
	CmdCreateServiceKey: "create service key", CmdReleaseServiceKey: "release service key",
	CmdSealAccessKeySecret: "seal access-key secret", CmdCreateAccessKeySecret: "create access-key secret",
	CmdDeriveDayKey: "derive day key",
	CmdCreateKey:    "create key", CmdEncrypt: "encrypt", CmdDecrypt: "decrypt", CmdCheckCiphertext: "check ciphertext",
	CmdReEncrypt: "re-encrypt", CmdGenerateDataKey: "generate data key",
	CmdGenerateDataKeyWithoutPlaintext: "generate data key without plaintext", CmdGenerateRandom: "generate random",
}

// String is the command's name, as docs/formats.md has it.
func (c Command) String() string {
	if name, ok := commandNames[c]; ok {
		return name
	}
	return fmt.Sprintf("command 0x%02x", uint8(c))
}

// Slow reports whether the module runs the command in its lane of slow work,
// beside the connection's reader.
func (c Command) Slow() bool {
	switch c {
	case CmdCreateDomain, CmdLoadDomain, CmdRotateDomain:
		return true
	}
	return false
}

// Known reports whether the protocol has the command.
func (c Command) Known() bool {
	_, ok := commandNames[c]
	return ok
}
