package clients

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"trent/internal/api"
	"trent/internal/call"
	"trent/internal/cloudtrail"
	"trent/internal/iam"
	"trent/internal/notyet"
	"trent/internal/sts"
	"trent/test/harness"
)

var update = flag.Bool("update", false, "rewrite proven.txt and docs/operations.md from what the tests do")

// provenFile says which client proves which operation, a line an operation:
// its name, then the clients. It is checked, and with -update written, by
// TestSpine. docs/operations.md comes from it.
const provenFile = "proven.txt"

// proven is provenFile while the clients run.
type proven struct {
	mu      sync.Mutex
	want    map[string][]string // operation to clients, from the file
	clients map[string]map[string]bool
}

// provenTable reads the table. At the test's end it is written, if asked for.
func provenTable(t *testing.T) *proven {
	p := &proven{want: readProven(t), clients: map[string]map[string]bool{}}
	t.Cleanup(func() {
		if !*update || t.Failed() {
			return
		}
		table := map[string][]string{}
		for client, operations := range p.clients {
			for operation := range operations {
				table[operation] = append(table[operation], client)
			}
		}
		if err := os.WriteFile(provenFile, formatProven(table), 0o644); err != nil {
			t.Error(err)
		}
	})
	return p
}

// check compares what a client has carried out with the table.
func (p *proven) check(t *testing.T, client string, done map[string]bool) {
	t.Helper()
	p.mu.Lock()
	p.clients[client] = done
	p.mu.Unlock()
	if *update {
		return
	}
	var want []string
	for operation, clients := range p.want {
		if slices.Contains(clients, client) {
			want = append(want, operation)
		}
	}
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(done)); !slices.Equal(got, want) {
		t.Errorf("%s carried out\n     %v\n%s says\n     %v\n(go test -update writes it)", client, got, provenFile, want)
	}
}

func readProven(t testing.TB) map[string][]string {
	t.Helper()
	b, err := os.ReadFile(provenFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	table := map[string][]string{}
	for line := range strings.Lines(string(b)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] != "#" {
			table[fields[0]] = fields[1:]
		}
	}
	return table
}

func formatProven(table map[string][]string) []byte {
	var b bytes.Buffer
	fmt.Fprintln(&b, "# Which client proves which operation: written by `go test -run TestSpine -update`.")
	for _, operation := range slices.Sorted(maps.Keys(table)) {
		slices.Sort(table[operation])
		fmt.Fprintf(&b, "%s %s\n", operation, strings.Join(table[operation], " "))
	}
	return b.Bytes()
}

// queryOperations are the tables of IAM and STS.
func queryOperations() map[string]map[string]*call.QueryOperation {
	return map[string]map[string]*call.QueryOperation{"iam": iam.New(iam.Config{}).Operations, "sts": sts.New(sts.Config{}).Operations}
}

// otherOperations are those of the services besides KMS, with their services'
// names.
func otherOperations() (all []string) {
	for service, operations := range queryOperations() {
		for operation := range operations {
			all = append(all, service+":"+operation)
		}
	}
	for operation := range cloudtrail.New(cloudtrail.Config{}).Operations {
		all = append(all, cloudtrail.Service+":"+operation)
	}
	return all
}

// operationsPage is docs/operations.md.
func operationsPage(table map[string][]string) []byte {
	var b bytes.Buffer
	b.WriteString(`# Operations

AWS KMS has 56 operations. This page is generated (` + "`make generate`" + `) from two tables: test/clients/proven.txt, where an operation stands for
a client when that client has carried it out against a started server, and internal/notyet, which refuses what Trent does not have yet. The AWS
CLI and boto3 are those of Debian 12, the SDK is the AWS SDK for Go v2.

`)
	var ofKMS, others []string
	for _, operation := range slices.Sorted(maps.Keys(table)) {
		if strings.Contains(operation, ":") {
			others = append(others, operation)
		} else {
			ofKMS = append(ofKMS, operation)
		}
	}
	fmt.Fprintf(&b, "## Working: %d\n\n| operation | AWS CLI | boto3 | AWS SDK for Go v2 | parameters refused |\n|---|---|---|---|---|\n", len(ofKMS))
	parameters := missingParameters()
	for _, operation := range ofKMS {
		fmt.Fprintf(&b, "| %s |%s %s |\n", operation, marks(table[operation]), strings.Join(parameters[operation], ", "))
	}
	missing := missingOperations()
	fmt.Fprintf(&b, "\n## Refused: %d\n\n", len(missing))
	for _, operation := range missing {
		fmt.Fprintf(&b, "- %s\n", operation)
	}
	b.WriteString(`
What is refused is answered with UnsupportedOperationException. No parameter is ever ignored; some working ones have values that are refused too,
such as Origin with another value than AWS_KMS. The AWS CLI and boto3 of Debian 12 are older than the operations that they do not prove.

`)
	fmt.Fprintf(&b, "## IAM, STS and CloudTrail: %d\n\n| operation | AWS CLI | boto3 | AWS SDK for Go v2 |\n|---|---|---|---|\n", len(others))
	for _, operation := range others {
		fmt.Fprintf(&b, "| %s |%s\n", operation, marks(table[operation]))
	}
	b.WriteString(`
Any other operation of IAM and STS is answered with InvalidAction, of CloudTrail with UnknownOperationException; those parameters of MFA and of identity providers that have no effect here
yet with UnsupportedOperation, and any other parameter that Trent does not know with ValidationError.
`)
	return b.Bytes()
}

// marks are the cells of an operation's clients.
func marks(proven []string) string {
	var b strings.Builder
	for _, c := range allClients {
		mark := ""
		if slices.Contains(proven, c.name) {
			mark = "✓"
		}
		fmt.Fprintf(&b, " %s |", mark)
	}
	return b.String()
}

//go:generate go test -count=1 -run TestSpine -update
//go:generate go test -count=1 -run TestOperationsPage -update

// TestOperationsPage checks that every operation either is proven, with the Go
// SDK at least, which knows all, or refused; that all of the other services' are proven; and that docs/operations.md is
// current.
func TestOperationsPage(t *testing.T) {
	table := readProven(t)
	for _, op := range api.Ops() {
		proven := slices.Contains(table[op.String()], "go-sdk")
		if proven != notyet.Works(op) {
			t.Errorf("%s: proven with the Go SDK %v, works %v", op, proven, notyet.Works(op))
		}
	}
	others := otherOperations()
	for name := range table {
		if strings.Contains(name, ":") && !slices.Contains(others, name) {
			t.Errorf("%s is proven and does not exist", name)
		}
	}
	for _, name := range others {
		if !slices.Contains(table[name], "go-sdk") {
			t.Errorf("%s is not proven with the Go SDK", name)
		}
	}
	path := filepath.Join(harness.Root(), "docs", "operations.md")
	want := operationsPage(table)
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("docs/operations.md is not current: run make generate")
	}
}
