package record_test

import (
	"bytes"
	"testing"
	"time"

	"trent/internal/record"
)

func TestDueRows(t *testing.T) {
	t.Parallel()
	early, late := time.UnixMilli(999), time.UnixMilli(1_000_000_000_000)
	a := record.DuePath("eu-west-1", early, "rotate", "-", "-")
	b := record.DuePath("eu-west-1", late, "delete", "111122223333", "1234abcd-12ab-34cd-56ef-1234567890ab")
	if want := "eu-west-1/due/00000000000000000999/rotate/-/-"; string(a) != want {
		t.Errorf("%s, want %s", a, want)
	}
	if bytes.Compare(a, b) >= 0 || !bytes.HasPrefix(a, record.DuePrefix("eu-west-1")) {
		t.Error("rows do not sort by time under their prefix")
	}
	want := record.Due{Region: "eu-west-1", At: late, Job: record.JobDelete, Account: "111122223333", KeyID: "1234abcd-12ab-34cd-56ef-1234567890ab"}
	if got, ok := record.ParseDue(b); !ok || got != want {
		t.Errorf("%v %v", got, ok)
	}
	if end := record.DueEnd("eu-west-1", late); bytes.Compare(b, end) >= 0 {
		t.Errorf("a row that is due now is not below %s", end)
	}
	if end := record.DueEnd("eu-west-1", late.Add(-time.Millisecond)); bytes.Compare(b, end) < 0 {
		t.Errorf("a row that is due in a millisecond is below %s", end)
	}
	for _, key := range []string{
		"", "eu-west-1/due/1/rotate/-/-", "eu-west-1/due/0000000000000000099x/rotate/-/-", "eu-west-1/due/00000000000000000999/rotate/-",
		"eu-west-1/k/00000000000000000999/rotate/-/-", string(a) + "/x",
	} {
		if _, ok := record.ParseDue([]byte(key)); ok {
			t.Errorf("%q is taken for a due row", key)
		}
	}
}
