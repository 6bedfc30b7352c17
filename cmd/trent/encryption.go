package main

import (
	"trent/internal/config"
	"trent/internal/node"
)

// encryptionOf is what a configuration says of the encryption of the audit trail;
// nil: nothing.
func encryptionOf(conf *config.Config) (*node.Encryption, error) {
	e := conf.Audit.Encryption
	if e == nil {
		return nil, nil
	}
	recovery, err := e.ReadRecovery()
	if err != nil {
		return nil, err
	}
	return &node.Encryption{Key: e.Key, Recovery: recovery}, nil
}
