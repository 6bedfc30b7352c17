package config

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"trent/internal/arn"
	"trent/internal/auditseal"
)

// maxRecovery is more than a recovery key's file has.
const maxRecovery = 16 << 10

// validate finds what is wrong with the names of the two keys.
func (e *AuditEncryption) validate(p *problems, c *Config) {
	const path = "audit.encryption"
	id := arn.Parse(e.Key)
	switch {
	case e.Key == "":
		p.add(path+".key", "", "is missing: the ARN of a KMS key")
	case id.Kind != arn.KeyARN && id.Kind != arn.AliasARN:
		p.add(path+".key", "such as arn:aws:kms:eu-west-1:111122223333:alias/audit", "%q is no ARN of a KMS key or an alias", e.Key)
	case id.Partition != c.Partition || !slices.Contains(c.Regions, id.Region):
		p.add(path+".key", "", "%s is of no Region of this service", e.Key)
	}
	if e.Recovery == "" {
		p.add(path+".recovery", "trent audit recovery-key makes a pair", "is missing: without it, what is encrypted could never be read without this service")
	}
}

// check reads the public key, which nobody else must be able to change.
func (e *AuditEncryption) check(p *problems) {
	const path = "audit.encryption.recovery"
	if e.Recovery == "" {
		return
	}
	if _, err := e.ReadRecovery(); err != nil {
		p.add(path, "", "%v", err)
		return
	}
	checkWritable(p, path, e.Recovery)
}

// ReadRecovery reads the public recovery key.
func (e *AuditEncryption) ReadRecovery() (*auditseal.PublicKey, error) {
	info, err := os.Stat(e.Recovery)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > maxRecovery) {
		err = errors.New("it is no key's file")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Recovery, err)
	}
	text, err := os.ReadFile(e.Recovery)
	if err != nil {
		return nil, err
	}
	defer clear(text) // it may be the private key, by mistake
	k, err := auditseal.ReadPublicKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Recovery, err)
	}
	return k, nil
}
