package evidence_test

import (
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"trent/internal/audit"
	"trent/internal/explain"
)

// hostile are texts that callers choose, and what they would like to be.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</td></tr></table></section><h2 id="trail">`, `</style><script src=//e.example/x.js>`,
	`javascript:alert(1)`, `{{.}}`, `<!--`, `]]>`, `&lt;b&gt;`, `</pre><iframe srcdoc="x">`, "\u202eknil\u2028", "a\x00b",
}

// TestHostile: whatever names, tags, policies, user agents and parameters are, the
// page has the elements and attributes that it has with harmless ones, and refers to
// nothing outside of itself.
func TestHostile(t *testing.T) {
	t.Parallel()
	want := elements(t, hostilePage(t, "harmless"))
	for _, text := range hostile {
		page := hostilePage(t, text)
		if got := elements(t, page); !maps.Equal(got, want) {
			for name, n := range got {
				if n != want[name] {
					t.Errorf("%q: %d times %s, not %d", text, n, name, want[name])
				}
			}
		}
	}
}

// hostilePage is a report in which everything that a caller can choose is one text.
func hostilePage(t *testing.T, text string) string {
	w := newWorld(t)
	w.now = at(12, 0)
	quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\x00", `\u0000`).Replace(text)
	who := user(text)
	for _, name := range []string{"PutKeyPolicy", "CreateGrant"} {
		w.record(audit.Event{
			UserIdentity: who, Name: name, UserAgent: text, SourceIP: text, Resources: onKey(keyARN),
			RequestParameters: fmt.Appendf(nil, `{"policy":"{\"Sid\":\"x\"}","name":"%s","constraints":{"encryptionContextSubset":{"%s":"%s"}}}`, quoted, quoted, quoted),
		})
	}
	w.record(audit.Event{UserIdentity: who, Name: "Decrypt", ReadOnly: true, Resources: onKey(keyARN)})
	w.record(audit.Event{UserIdentity: who, Name: text, ErrorCode: text, ReadOnly: true, Resources: onKey(keyARN)})
	w.record(audit.Event{UserIdentity: who, Source: text, Name: text, RecipientAccountID: text, RequestParameters: fmt.Appendf(nil, `{"a":"%s"}`, quoted)})
	w.digest()
	k := payroll()
	k.Description, k.Tags, k.Aliases, k.Policy, k.Origin, k.State = text, map[string]string{text: text}, []string{text}, text, text, text
	k.Holders = []explain.Holder{{Principal: text, Type: text, Access: []explain.Access{{Actions: []string{text}, Through: []string{text}, If: []string{text}, Use: true}}}}
	_, page := w.report(day(), k)
	return page
}

// elements counts a page's elements with their attributes, and refuses what would
// run or be loaded.
func elements(t *testing.T, page string) map[string]int {
	t.Helper()
	all := map[string]int{}
	for z := html.NewTokenizer(strings.NewReader(page)); ; {
		switch z.Next() {
		case html.ErrorToken:
			if z.Err() != io.EOF {
				t.Fatal(z.Err())
			}
			return all
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			name := token.Data
			for _, a := range token.Attr {
				name += " " + a.Key
				local := a.Key != "href" || strings.HasPrefix(a.Val, "#")
				if strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "srcdoc" || a.Key == "style" || !local {
					t.Errorf("<%s %s=%q>", token.Data, a.Key, a.Val)
				}
			}
			if strings.Contains(" script iframe object embed link img base form input svg ", " "+token.Data+" ") {
				t.Errorf("<%s>", token.Data)
			}
			all[name]++
		case html.CommentToken:
			all["comment"]++
		}
	}
}
