package paging_test

import (
	"crypto/rand"
	"fmt"
	"slices"
	"testing"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/ops/paging"
	"trent/internal/seal"
	"trent/internal/secret"
)

func sealer(t *testing.T) *seal.Sealer {
	t.Helper()
	key := make([]byte, 32)
	rand.Read(key)
	s, err := seal.New(secret.New(key))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func aCall(account string) *call.Call {
	c := &call.Call{Common: call.Common{Region: "eu-west-1"}, Op: api.OpListResourceTags}
	c.Caller.Account = account
	return c
}

// TestNames: whatever the limit, each name comes once, in order, also when
// names come and go between the pages.
func TestNames(t *testing.T) {
	t.Parallel()
	s, c, list := sealer(t), aCall("111122223333"), []byte("eu-west-1/t/111122223333/key")
	for count := range 8 {
		var names []string
		for i := range count {
			names = append(names, fmt.Sprintf("name/%02d", 2*i))
		}
		for limit := 1; limit < 10; limit++ {
			var got []string
			marker, pages := "", 0
			for {
				page, next, err := paging.Names(s, c, list, marker, limit, names)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, page...)
				pages++
				if marker = next; marker == "" {
					break
				}
				if len(page) != limit {
					t.Errorf("%d names, limit %d: a page of %d has a successor", count, limit, len(page))
				}
			}
			if want := max(1, (count+limit-1)/limit); !slices.Equal(got, names) || pages != want {
				t.Errorf("%d names, limit %d: %v in %d pages, want %d", count, limit, got, pages, want)
			}
		}
	}
	_, marker, err := paging.Names(s, c, list, "", 2, []string{"a", "c", "e", "g"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ now, want []string }{
		{[]string{"a", "c", "e", "g"}, []string{"e", "g"}},
		{[]string{"a", "e", "g"}, []string{"e", "g"}}, // the marker's own name is gone
		{[]string{"a", "b", "c", "d", "e"}, []string{"d", "e"}},
		{[]string{"a"}, nil},
		{nil, nil},
	} {
		page, _, err := paging.Names(s, c, list, marker, 9, test.now)
		if err != nil || !slices.Equal(page, test.want) {
			t.Errorf("of %v the second page is %v, %v; want %v", test.now, page, err, test.want)
		}
	}
}

// TestNamesMarkers: a marker is good for its list and its account only.
func TestNamesMarkers(t *testing.T) {
	t.Parallel()
	s, c, list := sealer(t), aCall("111122223333"), []byte("eu-west-1/t/111122223333/key")
	names := []string{"a", "b"}
	_, marker, err := paging.Names(s, c, list, "", 1, names)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		c      *call.Call
		list   string
		marker string
	}{
		"of another key":                     {c, "eu-west-1/t/111122223333/other", marker},
		"of a key whose name is a beginning": {c, "eu-west-1/t/111122223333/ke", marker},
		"of another account":                 {aCall("444455556666"), string(list), marker},
		"made up":                            {c, string(list), "made-up"},
	} {
		page, _, err := paging.Names(s, test.c, []byte(test.list), test.marker, 1, names)
		if err == nil || apierr.From(err).Code != apierr.InvalidMarker {
			t.Errorf("a marker %s: %v, %v", name, page, err)
		}
	}
}
