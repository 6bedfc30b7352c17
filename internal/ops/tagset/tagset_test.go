package tagset_test

import (
	"fmt"
	"maps"
	"testing"

	"trent/internal/api"
	"trent/internal/ops/tagset"
)

// numbered are n tags.
func numbered(n int) (tags []api.Tag) {
	for i := range n {
		tags = append(tags, api.Tag{TagKey: fmt.Sprint("key", i), TagValue: "v"})
	}
	return tags
}

func TestAdd(t *testing.T) {
	t.Parallel()
	fifty, err := tagset.Add(nil, numbered(50), 50)
	if err != nil || len(fifty) != 50 {
		t.Fatalf("50 tags: %d, %v", len(fifty), err)
	}
	tests := []struct {
		name string
		have map[string]string
		add  []api.Tag
		want map[string]string
		err  string
	}{
		{"none to none", nil, nil, nil, ""},
		{"a new one", map[string]string{"a": "1"}, []api.Tag{{TagKey: "b"}}, map[string]string{"a": "1", "b": ""}, ""},
		{"another value", map[string]string{"a": "1"}, []api.Tag{{TagKey: "a", TagValue: "2"}}, map[string]string{"a": "2"}, ""},
		{"keys have case", map[string]string{"a": "1"}, []api.Tag{{TagKey: "A", TagValue: "2"}}, map[string]string{"a": "1", "A": "2"}, ""},
		{"reserved elsewhere than in front", nil, []api.Tag{{TagKey: "my aws:x"}, {TagKey: "aws"}}, map[string]string{"my aws:x": "", "aws": ""}, ""},
		{"another value among fifty", fifty, []api.Tag{{TagKey: "key0", TagValue: "v"}}, fifty, ""},
		{"one key twice", nil, []api.Tag{{TagKey: "a", TagValue: "1"}, {TagKey: "a", TagValue: "2"}}, nil, "TagException: Duplicate tag keys"},
		{"reserved", nil, []api.Tag{{TagKey: "aws:x"}}, nil, "TagException: Tags beginning with aws: are reserved"},
		{"reserved, of another case", nil, []api.Tag{{TagKey: "AwS:x"}}, nil, "TagException: Tags beginning with aws: are reserved"},
		{"nothing but the prefix", nil, []api.Tag{{TagKey: "AWS:"}}, nil, "TagException: Tags beginning with aws: are reserved"},
		{"51", nil, numbered(51), nil, "TagException: Too many tags"},
		{"50 and one", fifty, []api.Tag{{TagKey: "more"}}, nil, "TagException: Too many tags"},
	}
	for _, test := range tests {
		before := maps.Clone(test.have)
		got, err := tagset.Add(test.have, test.add, 50)
		text := ""
		if err != nil {
			text = err.Error()
		}
		if !maps.Equal(got, test.want) || text != test.err {
			t.Errorf("%s: %v, %q; want %v, %q", test.name, got, text, test.want, test.err)
		}
		if !maps.Equal(test.have, before) {
			t.Errorf("%s: what the key had has become %v", test.name, test.have)
		}
	}
}
