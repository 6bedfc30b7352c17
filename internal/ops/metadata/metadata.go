// Package metadata owns how a key is shown: the KeyMetadata of answers, and what
// of it stands in audit records. It is pure. The operations import it.
package metadata

import (
	"trent/internal/api"
	"trent/internal/arn"
	"trent/internal/key"
)

// Of is a key's KeyMetadata.
func Of(k *key.Key) *api.KeyMetadata {
	m := &api.KeyMetadata{
		AWSAccountId:          k.Account,
		KeyId:                 k.ID,
		Arn:                   k.ARN,
		CreationDate:          k.Created,
		Enabled:               k.State == key.Enabled,
		Description:           k.Description,
		KeyUsage:              string(k.Usage),
		KeyState:              string(k.State),
		DeletionDate:          k.DeletionDate,
		Origin:                string(k.Origin),
		KeyManager:            api.KeyManagerTypeCustomer,
		CustomerMasterKeySpec: string(k.Spec),
		KeySpec:               string(k.Spec),
		MultiRegion:           k.MultiRegion,
	}
	switch k.Usage {
	case key.EncryptDecrypt:
		m.EncryptionAlgorithms = k.Algorithms()
	case key.SignVerify:
		m.SigningAlgorithms = k.Algorithms()
	case key.GenerateVerifyMAC:
		m.MacAlgorithms = k.Algorithms()
	case key.KeyAgreement:
		m.KeyAgreementAlgorithms = k.Algorithms()
	case key.EncapsulateDecapsulate:
		m.EncapsulationAlgorithms = k.Algorithms()
	}
	current := k.CurrentMaterial()
	if current != nil && k.Origin == key.OriginExternal && len(current.Token) > 0 {
		m.ValidTo, m.ExpirationModel = current.Expires, api.ExpirationModelTypeKeyMaterialDoesNotExpire
		if !m.ValidTo.IsZero() {
			m.ExpirationModel = api.ExpirationModelTypeKeyMaterialExpires
		}
	}
	if current != nil && k.Spec == key.SymmetricDefault && len(current.Token) > 0 && k.State != key.Creating {
		m.CurrentKeyMaterialId = current.Text
	}
	if k.State == key.PendingReplicaDeletion {
		m.PendingDeletionWindowInDays = int32(k.PendingDays)
	}
	if k.MultiRegion {
		m.MultiRegionConfiguration = regions(k)
	}
	return m
}

// regions says where the members of a multi-Region key are.
func regions(k *key.Key) *api.MultiRegionConfiguration {
	in := func(region string) api.MultiRegionKey {
		return api.MultiRegionKey{Arn: arn.Key(k.Partition, region, k.Account, k.ID), Region: region}
	}
	primary := in(k.PrimaryRegion)
	c := &api.MultiRegionConfiguration{
		MultiRegionKeyType: api.MultiRegionKeyTypeReplica, PrimaryKey: &primary, ReplicaKeys: make([]api.MultiRegionKey, len(k.ReplicaRegions)),
	}
	if k.Primary() {
		c.MultiRegionKeyType = api.MultiRegionKeyTypePrimary
	}
	for i, region := range k.ReplicaRegions {
		c.ReplicaKeys[i] = in(region)
	}
	return c
}
