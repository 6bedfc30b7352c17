package sigv4_test

import (
	"testing"

	"trent/internal/sigv4"
)

func BenchmarkParseAndVerify(b *testing.B) {
	r, key := signedRequest(), kmsScope.key()
	b.ReportAllocs()
	for b.Loop() {
		s, err := sigv4.Parse(r, exampleNow, options)
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Verify(key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	r := signedRequest()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sigv4.Parse(r, exampleNow, options); err != nil {
			b.Fatal(err)
		}
	}
}
