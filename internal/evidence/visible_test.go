package evidence_test

import (
	"strings"
	"testing"

	"trent/internal/audit"
)

// TestHiddenCharacters: what turns or hides text is shown as what it is.
func TestHiddenCharacters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.now = at(9, 0)
	w.record(audit.Event{UserIdentity: user("mallory\u202e\u2066"), Name: "Decrypt\u200b", ReadOnly: true, Resources: onKey(keyARN)})
	w.digest()
	k := payroll()
	k.Description, k.Tags = "ordinary\u202eyranidro\u009b", map[string]string{"owner\u2069\x1b[2J": "a\u2028b\u061c\ufeff\U000e0041", "ä": "日本 <b>"}
	_, page := w.report(day(), k)
	for _, r := range page {
		if strings.ContainsRune("\u202e\u2066\u2069\u200b\u009b\x1b\u2028\u061c\ufeff\U000e0041\r", r) {
			t.Fatalf("%U stands in the page", r)
		}
	}
	for _, want := range []string{"mallory[U+202E][U+2066]", "Decrypt[U+200B]", "owner[U+2069][U+001B][2J", "a[U+2028]b[U+061C][U+FEFF][U+E0041]", "ä", "日本 &lt;b&gt;"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
}
