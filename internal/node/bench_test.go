package node_test

import (
	"context"
	"testing"
	"time"
)

// BenchmarkPipeline serves a signed request again and again: everything but
// HTTP, with a real crypto module and the audit trail in mode relaxed.
func BenchmarkPipeline(b *testing.B) {
	f := newFixture(b)
	c := f.caller("111122223333")
	id := c.call("CreateKey", "{}").str("KeyMetadata", "KeyId")
	blob := c.call("Encrypt", object{"KeyId": id, "Plaintext": make([]byte, 32)}).str("CiphertextBlob")
	for _, test := range []struct{ op, body string }{
		{"DescribeKey", `{"KeyId":"` + id + `"}`},
		{"GenerateDataKey", `{"KeyId":"` + id + `","KeySpec":"AES_256"}`},
		{"Decrypt", `{"CiphertextBlob":"` + blob + `"}`},
		{"CreateKey", `{}`},
	} {
		r := c.request(test.op, test.body, time.Now())
		b.Run(test.op, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				var buffer []byte
				for pb.Next() {
					again := r
					got := f.Pipeline.Serve(context.Background(), &again, buffer[:0])
					if got.Status != 200 {
						b.Errorf("%s", got.Body)
						return
					}
					buffer = got.Body
				}
			})
		})
	}
}
