package upgrade

import (
	"encoding/json"
	"os"
	"testing"

	"trent/test/harness"
)

// A folder is what must be true of a frozen data folder. It stands beside the
// folder, as JSON.
type folder struct {
	Commit string // of the programs that wrote the data
	Keys   []*key
	// Listing is the first page of ListKeys of one caller, and the rest of it.
	Listing listing
	// Records is the number of records in the trail, LastHash the hash of the
	// last one. Drained are the ids of the events that had been committed, and
	// were not in the trail yet.
	Records  uint64
	LastHash []byte
	Drained  []string
}

// A key is one KMS key as its owner knows it. Dates are Unix seconds.
type key struct {
	Owner        harness.Who
	ID, ARN      string
	State        string
	Description  string
	CreationDate float64
	DeletionDate float64           `json:",omitempty"`
	Tags         map[string]string `json:",omitempty"`
	Aliases      []string          `json:",omitempty"`
	Policy       string
	Blobs        []blob
}

// A blob is a ciphertext with what it holds.
type blob struct {
	By         string // the operation that made it
	Context    map[string]string
	Plaintext  []byte
	Ciphertext []byte
}

type listing struct {
	Owner      harness.Who
	NextMarker string
	Rest       []string // key ids after the marker
}

func (f *folder) write(path string) error {
	b, err := json.MarshalIndent(f, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

func readFolder(t *testing.T, path string) *folder {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := new(folder)
	if err := json.Unmarshal(b, f); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return f
}
