package crypto

import (
	"crypto/sha256"
	"encoding/asn1"
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"trent/internal/hsm/alg"
	"trent/internal/keyspec"
)

// TestACVPKeyGeneration: NIST's seeds have NIST's public keys, 25 for each
// parameter set of FIPS 203 and 204.
func TestACVPKeyGeneration(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/acvp-keygen.txt")
	if err != nil {
		t.Fatal(err)
	}
	tried := map[keyspec.Spec]int{}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if f[0] == "#" {
			continue
		}
		spec := keyspec.Spec(strings.ReplaceAll(f[0], "-", "_"))
		seed, err := hex.DecodeString(f[2])
		if err != nil {
			t.Fatal(err)
		}
		spki, err := alg.Of(keyspec.Of(spec)).Public(seed)
		if err != nil {
			t.Fatalf("%s %s: %v", f[0], f[1], err)
		}
		var info publicKeyInfo
		if _, err := asn1.Unmarshal(spki, &info); err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(info.Key.Bytes); hex.EncodeToString(sum[:]) != f[3] {
			t.Errorf("%s %s: another public key", f[0], f[1])
		}
		tried[spec]++
	}
	for _, row := range keyspec.All() {
		if (row.Family == keyspec.MLKEM || row.Family == keyspec.MLDSA) && tried[row.Spec] != 25 {
			t.Errorf("%s: %d seeds tried", row.Spec, tried[row.Spec])
		}
	}
}
