package clients

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"trent/test/harness"
)

// pages walks a listing to its end and returns one member of each entry, in
// order, and the markers.
func pages(t *testing.T, c caller, operation, list, member string, in object) (found, markers []string) {
	t.Helper()
	for range 100 {
		out := must(t, c, operation, in)
		for _, entry := range out[list].([]any) {
			found = append(found, text(t, entry.(object), member))
		}
		if len(out[list].([]any)) > in["Limit"].(int) {
			t.Fatalf("%s gives %d entries for the limit %v", operation, len(out[list].([]any)), in["Limit"])
		}
		if out["Truncated"] != true {
			if out["NextMarker"] != nil {
				t.Errorf("%s: the last page has a marker", operation)
			}
			return found, markers
		}
		markers = append(markers, text(t, out, "NextMarker"))
		in["Marker"] = out["NextMarker"]
	}
	t.Fatalf("%s: no end after 100 pages", operation)
	return nil, nil
}

// TestPages: with every limit each key, alias and tag comes exactly once, with
// each client.
func TestPages(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	const count = 7
	var keys, aliases []string
	for i := range count {
		id, _ := s.CreateKey(t, harness.Default)
		keys = append(keys, id)
		aliases = append(aliases, fmt.Sprintf("alias/page-%d", i))
		s.Must(t, "CreateAlias", object{"AliasName": aliases[i], "TargetKeyId": id})
	}
	slices.Sort(keys)
	var tags []string
	for i := range count {
		tags = append(tags, fmt.Sprint("tag-", i))
		s.Must(t, "TagResource", object{"KeyId": keys[0], "Tags": []object{{"TagKey": tags[i], "TagValue": "v"}}})
	}
	limits := map[string][]int{"aws-cli": {3}, "boto3": {1, 3, 7}, "go-sdk": {1, 2, 3, 6, 7, 8}}
	t.Run("clients", func(t *testing.T) {
		forEachClient(t, func(t *testing.T, cl client) {
			c := cl.connect(t, s, harness.Default)
			for _, limit := range limits[cl.name] {
				found, markers := pages(t, c, "ListKeys", "Keys", "KeyId", object{"Limit": limit})
				if slices.Sort(found); !slices.Equal(found, keys) {
					t.Errorf("ListKeys in pages of %d: %v, want %v", limit, found, keys)
				}
				if want := (count - 1) / limit; len(markers) != want {
					t.Errorf("ListKeys in pages of %d: %d markers, want %d", limit, len(markers), want)
				}
				found, _ = pages(t, c, "ListAliases", "Aliases", "AliasName", object{"Limit": limit})
				found = slices.DeleteFunc(found, func(name string) bool { return strings.HasPrefix(name, "alias/aws/") })
				if slices.Sort(found); !slices.Equal(found, aliases) {
					t.Errorf("ListAliases in pages of %d: %v, want %v", limit, found, aliases)
				}
				found, _ = pages(t, c, "ListResourceTags", "Tags", "TagKey", object{"KeyId": keys[0], "Limit": limit})
				if !slices.Equal(found, tags) {
					t.Errorf("ListResourceTags in pages of %d: %v, want %v", limit, found, tags)
				}
			}
		})
	})
}

// TestMarkers: a marker says nothing, outlives a restart, and is good for the
// account, Region and operation that it was given to, and unaltered.
func TestMarkers(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	var keys []string
	for range 4 {
		id, _ := s.CreateKey(t, harness.Default)
		keys = append(keys, id)
	}
	c := connectGoSDK(t, s, harness.Default)
	first := must(t, c, "ListKeys", object{"Limit": 2})
	marker := text(t, first, "NextMarker")
	for _, key := range keys {
		if strings.Contains(marker, key) {
			t.Errorf("the marker %q shows a key", marker)
		}
	}
	if second := text(t, must(t, c, "ListKeys", object{"Limit": 2}), "NextMarker"); second == marker {
		t.Errorf("two markers of the same page are equal: they are not sealed")
	}

	if s.Stop() != 0 {
		t.Errorf("the server does not stop in order")
	}
	s.Restart()
	c = connectGoSDK(t, s, harness.Default)
	rest := must(t, c, "ListKeys", object{"Limit": 2, "Marker": marker})["Keys"].([]any)
	if len(rest) != 2 {
		t.Errorf("after the restart the marker gives %d keys, want 2", len(rest))
	}

	flipped := []byte(marker)
	flipped[len(flipped)/2] ^= 1
	stranger := harness.Who{AccessKey: "111122223333", SecretKey: harness.SecretKey, Region: harness.Region}
	elsewhere := harness.Who{AccessKey: harness.AccessKey, SecretKey: harness.SecretKey, Region: "eu-central-1"}
	for _, row := range []struct {
		name, operation, marker string
		who                     harness.Who
	}{
		{"altered", "ListKeys", string(flipped), harness.Default},
		{"cut", "ListKeys", marker[:len(marker)-4], harness.Default},
		{"longer", "ListKeys", marker + "AAAA", harness.Default},
		{"made up", "ListKeys", "made-up", harness.Default},
		{"of another operation", "ListAliases", marker, harness.Default},
		{"of another operation, for one key", "ListResourceTags", marker, harness.Default},
		{"for a list of one page only", "ListKeyPolicies", marker, harness.Default},
		{"of another account", "ListKeys", marker, stranger},
		{"of another Region", "ListKeys", marker, elsewhere},
	} {
		t.Run(row.name, func(t *testing.T) {
			in := object{"Marker": row.marker}
			if row.operation == "ListResourceTags" || row.operation == "ListKeyPolicies" {
				in["KeyId"] = keys[0]
			}
			refused(t, connectGoSDK(t, s, row.who), row.operation, in, "InvalidMarkerException", anyMessage)
		})
	}
}
