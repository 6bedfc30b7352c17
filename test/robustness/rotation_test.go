package robustness

import (
	"testing"

	"trent/test/harness"
)

// TestFourYearsInASecond: a clock that is moved by four years finds four yearly
// rotations on its way, done when it answers, and every ciphertext decrypts.
func TestFourYearsInASecond(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "--audit", "relaxed")
	id, _ := s.CreateKey(t, harness.Default)
	s.Must(t, "EnableKeyRotation", object{"KeyId": id, "RotationPeriodInDays": 365})
	before := s.Must(t, "Encrypt", object{"KeyId": id, "Plaintext": "AA=="})["CiphertextBlob"]
	if err := moveClock(s, "1461d"); err != nil {
		t.Fatal(err)
	}
	list := s.Must(t, "ListKeyRotations", object{"KeyId": id})["Rotations"].([]any)
	if len(list) != 4 {
		t.Fatalf("%d rotations: %v", len(list), list)
	}
	for i, e := range list {
		if e := e.(object); e["RotationType"] != "AUTOMATIC" || i > 0 && (e["RotationDate"].(float64)-list[i-1].(object)["RotationDate"].(float64))/86400 < 364 {
			t.Errorf("rotation %d: %v", i, e)
		}
	}
	after := s.Must(t, "Encrypt", object{"KeyId": id, "Plaintext": "AA=="})["CiphertextBlob"]
	for _, blob := range []any{before, after} {
		s.Must(t, "Decrypt", object{"CiphertextBlob": blob})
	}
}
