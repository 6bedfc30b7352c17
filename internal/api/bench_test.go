package api

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// The bodies that the AWS SDKs send for the hot operations, with one pair of
// encryption context as AWS's own services use.
var benchBodies = map[Op]string{
	OpEncrypt:         `{"KeyId":"arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab","Plaintext":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=","EncryptionContext":{"aws:s3:arn":"arn:aws:s3:::amzn-s3-demo-bucket/object"}}`,
	OpDecrypt:         `{"CiphertextBlob":"` + strings.Repeat("AQIDBAUGBwgJCgsM", 9) + `","EncryptionContext":{"aws:s3:arn":"arn:aws:s3:::amzn-s3-demo-bucket/object"}}`,
	OpGenerateDataKey: `{"KeyId":"arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab","KeySpec":"AES_256","EncryptionContext":{"aws:s3:arn":"arn:aws:s3:::amzn-s3-demo-bucket/object"}}`,
}

func BenchmarkDecodeValidate(b *testing.B) {
	for _, op := range []Op{OpEncrypt, OpDecrypt, OpGenerateDataKey} {
		b.Run(op.String(), func(b *testing.B) {
			body := []byte(benchBodies[op])
			b.ReportAllocs()
			for b.Loop() {
				if err := decodeValidateCheck(op, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func decodeValidateCheck(op Op, body []byte) error {
	r, err := Decode(op, body)
	if err != nil {
		return err
	}
	if err := r.Validate(); err != nil {
		return err
	}
	return Check(r)
}

func BenchmarkAppendAudit(b *testing.B) {
	r, err := Decode(OpGenerateDataKey, []byte(benchBodies[OpGenerateDataKey]))
	if err != nil {
		b.Fatal(err)
	}
	var dst []byte
	b.ReportAllocs()
	for b.Loop() {
		dst = r.AppendAudit(dst[:0])
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	const arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	id := strings.Repeat("0123456789abcdef", 4)
	blob, key := bytes.Repeat([]byte{7}, 112), bytes.Repeat([]byte{9}, 32)
	for _, r := range []Response{
		&EncryptResponse{CiphertextBlob: blob, KeyId: arn, EncryptionAlgorithm: "SYMMETRIC_DEFAULT"},
		&DecryptResponse{KeyId: arn, Plaintext: key, EncryptionAlgorithm: "SYMMETRIC_DEFAULT", KeyMaterialId: id},
		&GenerateDataKeyResponse{CiphertextBlob: blob, Plaintext: key, KeyId: arn, KeyMaterialId: id},
	} {
		name := strings.TrimSuffix(reflect.TypeOf(r).Elem().Name(), "Response")
		b.Run(name, func(b *testing.B) {
			var dst []byte
			b.ReportAllocs()
			for b.Loop() {
				dst = r.AppendJSON(dst[:0])
			}
		})
	}
}

// TestHotPathAllocations holds the benchmark's figures as a bound: the
// request, its strings, the context's pairs and their text.
func TestHotPathAllocations(t *testing.T) {
	for op, most := range map[Op]float64{OpEncrypt: 5, OpDecrypt: 4, OpGenerateDataKey: 4} {
		body := []byte(benchBodies[op])
		got := testing.AllocsPerRun(100, func() {
			if err := decodeValidateCheck(op, body); err != nil {
				t.Fatal(err)
			}
		})
		if got > most {
			t.Errorf("%s: %v allocations, want at most %v", op, got, most)
		}
	}
}
