package metadata

import (
	"time"

	"trent/internal/api"
	"trent/internal/awsjson"
)

// Audited is what CloudTrail shows of CreateKey's answer: the metadata
// with names in lower camel case, and the date as Java prints it.
func Audited(m *api.KeyMetadata) []byte {
	b := []byte(`{"keyMetadata":{`)
	for i, f := range []struct{ name, value string }{
		{"aWSAccountId", m.AWSAccountId},
		{"keyId", m.KeyId},
		{"arn", m.Arn},
		{"creationDate", JavaDate(m.CreationDate)},
		{"description", m.Description},
		{"keyUsage", m.KeyUsage},
		{"keyState", m.KeyState},
		{"origin", m.Origin},
		{"keyManager", m.KeyManager},
		{"customerMasterKeySpec", m.CustomerMasterKeySpec},
		{"keySpec", m.KeySpec},
		{"currentKeyMaterialId", m.CurrentKeyMaterialId}, // of symmetric encryption keys
	} {
		if f.name == "currentKeyMaterialId" && f.value == "" {
			continue
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(awsjson.AppendString(b, f.name), ':')
		b = awsjson.AppendString(b, f.value)
	}
	b = append(b, `,"enabled":`...)
	b = awsjson.AppendBool(b, m.Enabled)
	b = append(b, `,"multiRegion":`...)
	b = awsjson.AppendBool(b, m.MultiRegion)
	for _, algorithms := range []struct {
		name   string
		values []string
	}{
		{"encryptionAlgorithms", m.EncryptionAlgorithms}, {"signingAlgorithms", m.SigningAlgorithms}, {"macAlgorithms", m.MacAlgorithms},
		{"keyAgreementAlgorithms", m.KeyAgreementAlgorithms}, {"encapsulationAlgorithms", m.EncapsulationAlgorithms},
	} {
		if len(algorithms.values) > 0 {
			b = append(awsjson.AppendString(append(b, ','), algorithms.name), ':')
			b = appendStrings(b, algorithms.values)
		}
	}
	return append(b, "}}"...)
}

// appendStrings appends a JSON array of strings.
func appendStrings(b []byte, values []string) []byte {
	b = append(b, '[')
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = awsjson.AppendString(b, v)
	}
	return append(b, ']')
}

// JavaDate is a date as Java prints it.
func JavaDate(t time.Time) string { return t.UTC().Format("Jan 2, 2006, 3:04:05 PM") }
