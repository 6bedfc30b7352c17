package operator

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"trent/test/harness"
)

const jsonHead = "# What `--output json` prints\n" + `
One JSON object a command. Members may join; none goes away or changes its meaning. Times are RFC 3339 in UTC, numbers are whole.
Members that do not apply are left out: ` + "`next`" + ` on the last page, ` + "`error`" + ` of the module and of the audit trail when there is none, what the
crypto module says of a Region when it does not answer, ` + "`deletionDate`" + `, a material's ` + "`created`" + `, a proof's ` + "`inclusion`" + ` while the transparency log lacks the record, ` + "`audit.exports`" + ` of the status
without exports: a list of objects with name, kind, destination, node, sequence, delivered, lagRecords, lagSeconds, skipped and error. This page is made by the tests: ` + "`cd test && go test ./operator -run TestJSON -update`" + `.
`

// TestJSON: the members of each answer and their types are what docs/cli-json.md
// says.
func TestJSON(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	key, _ := s.CreateKey(t, harness.Default)
	s.Must(t, "CreateAlias", object{"AliasName": "alias/payroll", "TargetKeyId": key})
	s.Must(t, "TagResource", object{"KeyId": key, "Tags": []object{{"TagKey": "cost", "TagValue": "7"}}})
	second, _ := s.CreateKey(t, harness.Default)
	third, _ := s.CreateKey(t, harness.Default)
	for _, id := range []string{second, third} { // so that of any two keys one is pending deletion
		s.Must(t, "ScheduleKeyDeletion", object{"KeyId": id})
	}
	grantee(t, s, key)
	account := "111122223333"
	ask(t, s, "account", "create", "--id", account)
	ask(t, s, "account", "new-root-key", account)
	for ask(t, s, "status")["audit"].(object)["checkpoint"] == nil { // it is made soon after the start
		if t.Context().Err() != nil {
			t.Fatal("no checkpoint of the audit trail is made")
		}
	}
	page := strings.Builder{}
	page.WriteString(jsonHead)
	for _, command := range []string{
		"status", "hsm status", "hsm restart", "account create", "account list --limit 1", "account show " + account, "account disable " + account,
		"account enable " + account, "account new-root-key " + account, "account deactivate-root-key " + account + " KEY",
		"key list --limit 2", "key show " + second, "key show " + key,
		"key usage " + key, "key materials " + key,
		"policy explain --principal user/clerk --action kms:Decrypt --key " + key + " --context file=a",
		"policy who --key " + key,
		"top --count 1",
		"quota",
		"key brownout --percent 1 " + key, "key delete --yes " + key,
		"report evidence --from 2000-01-01 --to 2100-01-01 --out FILE",
		"backup --out FILE",
	} {
		args := strings.Fields(strings.Replace(command, "FILE", filepath.Join(t.TempDir(), "file"), 1))
		if last := len(args) - 1; args[last] == "KEY" {
			args[last] = text(ask(t, s, "account", "new-root-key", account), "accessKeyId")
		}
		lines := map[string]bool{}
		if args[0] == "top" {
			shape(busyTop(t, s, key, args), "", lines)
		} else {
			shape(ask(t, s, args...), "", lines)
		}
		title := command
		if strings.HasPrefix(command, "key show") {
			title = "key show"
		}
		for _, id := range []string{" --yes " + key, " --percent 1 " + key, " " + key, " " + account, " KEY", " --limit 1", " --limit 2", " --out FILE"} {
			title = strings.ReplaceAll(title, id, "")
		}
		if command == "key show "+second {
			title += ", pending deletion"
		}
		if strings.HasPrefix(title, "policy") {
			title = strings.Join(strings.Fields(title)[:2], " ")
		}
		if strings.HasPrefix(title, "top") {
			title = "top, each line"
		}
		if strings.HasPrefix(title, "report") {
			title = "report evidence"
		}
		if title == "backup" {
			title += ", trent backup verify, trent restore"
		}
		fmt.Fprintf(&page, "\n## trent %s\n\n", title)
		for _, line := range slices.Sorted(maps.Keys(lines)) {
			fmt.Fprintln(&page, "    "+line)
		}
	}
	fmt.Fprintf(&page, "\n## The file that trent report evidence writes\n\n")
	for _, line := range slices.Sorted(maps.Keys(evidenceShape(t, s))) {
		fmt.Fprintln(&page, "    "+line)
	}
	fmt.Fprintf(&page, "\n## trent audit checkpoint\n\n")
	checkpoint := map[string]bool{}
	shape(ask(t, s, "audit", "checkpoint"), "", checkpoint)
	for _, line := range slices.Sorted(maps.Keys(checkpoint)) {
		fmt.Fprintln(&page, "    "+line)
	}
	fmt.Fprintf(&page, "\n## trent audit verify-proof\n\n")
	for _, line := range slices.Sorted(maps.Keys(proofShape(t, s))) {
		fmt.Fprintln(&page, "    "+line)
	}
	fmt.Fprintf(&page, "\n## trent policy lint\n\n")
	for _, line := range slices.Sorted(maps.Keys(lintShape(t))) {
		fmt.Fprintln(&page, "    "+line)
	}
	path := filepath.Join(harness.Root(), "docs", "cli-json.md")
	if *update {
		if err := os.WriteFile(path, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(path); err != nil || string(want) != page.String() {
		t.Errorf("%v; the answers are:\n%s", err, page.String())
	}
}

// proofShape is what is printed of the proof that the trail's first record is in the
// transparency log.
func proofShape(t *testing.T, s *harness.Server) map[string]bool {
	t.Helper()
	folder := t.TempDir()
	keys := filepath.Join(folder, "keys")
	printed(t, keys, "audit", "checkpoint", "--keys", "--socket", socket(s))
	event := text(ask(t, s, "audit", "query", "--operation", "CreateAuditKey", "--limit", "1")["records"].([]any)[0].(object), "eventID")
	printed(t, filepath.Join(folder, "made"), "audit", "prove", filepath.Join(s.Data, "audit"), "--event", event, "--out", folder)
	out := printed(t, filepath.Join(folder, "proven"), "audit", "verify-proof", filepath.Join(folder, event+".tlog-proof"), filepath.Join(folder, event+".json"), "--witness", keys, "--output", "json")
	var proven object
	if err := json.Unmarshal([]byte(out), &proven); err != nil {
		t.Fatal(err)
	}
	lines := map[string]bool{}
	shape(proven, "", lines)
	return lines
}

// busyTop is a picture of a server that does something of each kind.
func busyTop(t *testing.T, s *harness.Server, key string, args []string) object {
	t.Helper()
	done := make(chan struct{})
	var calls sync.WaitGroup
	calls.Go(func() {
		for {
			s.Do(t, harness.Request{Operation: "Encrypt", Body: `{"KeyId":"` + key + `","Plaintext":"YQ=="}`, Who: harness.Default})
			s.Do(t, harness.Request{Operation: "Encrypt", Body: `{"KeyId":"` + key + `"}`, Who: harness.Default})
			select {
			case <-done:
				return
			default:
			}
		}
	})
	defer calls.Wait()
	defer close(done)
	for {
		top := ask(t, s, args...)
		full := true
		for _, list := range []string{"operations", "errors", "keys", "principals"} {
			elements, _ := top[list].([]any)
			full = full && len(elements) > 0
		}
		if full {
			return top
		}
	}
}

// evidenceShape is the shape of an evidence report. What depends on when it is made
// is added to what this one has.
func evidenceShape(t *testing.T, s *harness.Server) map[string]bool {
	out := filepath.Join(t.TempDir(), "report")
	made := ask(t, s, "report", "evidence", "--from", "2000-01-01", "--to", "2100-01-01", "--out", out)
	b, err := os.ReadFile(text(made, "json"))
	var report object
	if err == nil {
		err = json.Unmarshal(b, &report)
	}
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	shape(report, "", found)
	lines := map[string]bool{"checkpoints[].checkpoint  text": true, "checkpoints[].node  text": true, "checkpoints[].size  number": true}
	lines["keys[].timeline.why  text"] = true // of one that is not complete
	for line := range found {
		if rest, ok := strings.CutPrefix(line, "keys[].timeline.intervals[].gained[]"); ok {
			lines["keys[].timeline.intervals[].lost[]"+rest] = true
		}
		if strings.HasPrefix(line, "checkpoints") || strings.Contains(line, ".inclusion") || strings.Contains(line, ".checkpointSize") {
			continue
		}
		lines[line] = true
		if path, ok := strings.CutSuffix(line, ".digest  number"); ok {
			lines[path+".checkpointSize  number"], lines[path+".inclusion  text"] = true, true
		}
		if member, ok := strings.CutPrefix(line, "keys[].changes[].proof."); ok {
			for _, what := range []string{"policy", "state"} {
				lines["keys[].atBegin."+what+".proof."+member], lines["keys[].atBegin."+what+".value  text"] = true, true
			}
		}
	}
	return lines
}

// lintShape is the shape of what the linter prints, which asks no server.
func lintShape(t *testing.T) map[string]bool {
	file := filepath.Join(t.TempDir(), "policy")
	const warned = `{"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/a"},"Action":"kms:*","Resource":"*"}]}`
	if err := os.WriteFile(file, []byte(warned), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := run(t, "policy", "lint", file, "--output", "json")
	var answer object
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil || code != exitOK {
		t.Fatalf("%d, %v: %s", code, err, stderr)
	}
	lines := map[string]bool{}
	shape(answer, "", lines)
	return lines
}

// shape notes each member's path and type. The keys of a map that callers fill
// are no members.
func shape(v any, path string, lines map[string]bool) {
	switch v := v.(type) {
	case object:
		for name, member := range v {
			if path == "tags" || strings.HasSuffix(path, ".tags") {
				name = "<tag key>"
			}
			shape(member, strings.TrimPrefix(path+"."+name, "."), lines)
		}
	case []any:
		if len(v) == 0 {
			lines[path+"[]"] = true
		}
		for _, element := range v {
			shape(element, path+"[]", lines)
		}
	case float64:
		lines[path+"  number"] = true
	case bool:
		lines[path+"  true or false"] = true
	case nil:
		lines[path+"  null"] = true
	default:
		lines[path+"  text"] = true
	}
}
