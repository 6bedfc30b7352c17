package crypto

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

// nobleAnswer is what noble/mlkem512.js writes.
type nobleAnswer struct {
	PublicKey, Secret, Ciphertext bytesHex
	Opened                        []bytesHex
}

// noble runs @noble/post-quantum on a seed and ciphertexts for its key.
func noble(t *testing.T, seed []byte, ciphertexts ...[]byte) nobleAnswer {
	t.Helper()
	texts := []string{}
	for _, c := range ciphertexts {
		texts = append(texts, hex.EncodeToString(c))
	}
	request, err := json.Marshal(map[string]any{"seed": hex.EncodeToString(seed), "ciphertexts": texts})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("node", "mlkem512.js")
	cmd.Dir, cmd.Stdin, cmd.Stderr = "noble", bytes.NewReader(request), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answer nobleAnswer
	if err := json.Unmarshal(out, &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// TestNobleMLKEM512 is what circl's is for the other sets.
func TestNobleMLKEM512(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("noble/node_modules/@noble/post-quantum"); err != nil {
		t.Skip("@noble/post-quantum is not installed: make test-deps")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("Node is not installed: make test-deps")
	}
	k := newKey(t, "ML_KEM_512", "ML_KEM")
	theirs := noble(t, k.private)
	if !bytes.Equal(wrap(t, k.subject, theirs.PublicKey), k.spki) {
		t.Fatal("noble has another public key")
	}
	exchange(t, k, theirs.Ciphertext, theirs.Secret, func(ciphertext []byte) []byte {
		return noble(t, k.private, ciphertext).Opened[0]
	})
}
