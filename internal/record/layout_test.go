package record

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	region  = "eu-central-1"
	account = "111122223333"
	keyID   = "1234abcd-12ab-34cd-56ef-1234567890ab"
)

var materialBytes = bytes.Repeat([]byte{0xab, 0x01}, 16)

// paths are all the kinds of store keys, with their bytes as docs/formats.md
// has them.
var paths = []struct {
	got  []byte
	want string
	path Path
}{
	{KeyPath(region, account, keyID), "eu-central-1/k/111122223333/" + keyID, Path{Kind: KindKey, Region: region, Account: account, KeyID: keyID}},
	{PolicyPath(region, account, keyID), "eu-central-1/p/111122223333/" + keyID, Path{Kind: KindPolicy, Region: region, Account: account, KeyID: keyID}},
	{MaterialPath(region, account, keyID, materialBytes), "eu-central-1/m/111122223333/" + keyID + "/" + strings.Repeat("ab01", 16), Path{Kind: KindMaterial, Region: region, Account: account, KeyID: keyID, ID: materialBytes}},
	{IndexPath(region, materialBytes), "eu-central-1/x/" + strings.Repeat("ab01", 16), Path{Kind: KindIndex, Region: region, ID: materialBytes}},
	{AliasPath(region, account, "a/b"), "eu-central-1/a/111122223333/a/b", Path{Kind: KindAlias, Region: region, Account: account, Name: "a/b"}},
	{AliasOfKeyPath(region, account, keyID, "a/b"), "eu-central-1/ak/111122223333/" + keyID + "/a/b", Path{Kind: KindAliasOfKey, Region: region, Account: account, KeyID: keyID, Name: "a/b"}},
	{TagsPath(region, account, keyID), "eu-central-1/t/111122223333/" + keyID, Path{Kind: KindTags, Region: region, Account: account, KeyID: keyID}},
	{DomainTokenPath(region), "eu-central-1/dom", Path{Kind: KindDomainToken, Region: region}},
	{ServiceKeyPath(region, "seal"), "eu-central-1/svc/seal", Path{Kind: KindServiceKey, Region: region, Name: "seal"}},
	{OutboxPath(region, "0190-event"), "eu-central-1/o/0190-event", Path{Kind: KindOutbox, Region: region, Name: "0190-event"}},
	{AccountPath(account), "global/id/account/111122223333", Path{Kind: KindAccount, Region: Global, Account: account}},
	{AccessKeyPath("AKIAEXAMPLE"), "global/id/ak/AKIAEXAMPLE", Path{Kind: KindAccessKey, Region: Global, Name: "AKIAEXAMPLE"}},
	{UserPath(account, "alice"), "global/id/user/111122223333/alice", Path{Kind: KindUser, Region: Global, Account: account, Name: "alice"}},
	{GroupPath(account, "g"), "global/id/group/111122223333/g", Path{Kind: KindGroup, Region: Global, Account: account, Name: "g"}},
	{RolePath(account, "r"), "global/id/role/111122223333/r", Path{Kind: KindRole, Region: Global, Account: account, Name: "r"}},
	{ManagedPath(account, "p"), "global/id/managed/111122223333/p", Path{Kind: KindManaged, Region: Global, Account: account, Name: "p"}},
	{MemberPath(account, "g", "alice"), "global/id/member/111122223333/g/alice", Path{Kind: KindMember, Region: Global, Account: account, Name: "g", Member: "alice"}},
	{AttachmentPath(account, "p", false, KindRole, "r"), "global/id/attached/111122223333/p/permits-role/r", Path{Kind: KindAttachment, Region: Global, Account: account, Name: "p", Member: "permits-role/r"}},
	{AttachmentPath(account, "p", true, KindUser, "u"), "global/id/attached/111122223333/p/bounds-user/u", Path{Kind: KindAttachment, Region: Global, Account: account, Name: "p", Member: "bounds-user/u"}},
	{LastUsedPath("AKIAEXAMPLE"), "global/id/used/AKIAEXAMPLE", Path{Kind: KindLastUsed, Region: Global, Name: "AKIAEXAMPLE"}},
	{GrantPath(region, account, keyID, "00ff"), "eu-central-1/g/111122223333/" + keyID + "/00ff", Path{Kind: KindGrant, Region: region, Account: account, KeyID: keyID, Name: "00ff"}},
	{RetirablePath(region, "a/b", account, keyID, "00ff"), "eu-central-1/gr/612f62/111122223333/" + keyID + "/00ff", Path{Kind: KindRetirable, Region: region, Retirer: "a/b", Account: account, KeyID: keyID, Name: "00ff"}},
	{AuditKeyPath("k"), "global/aud/k", Path{Kind: KindAuditKey, Region: Global, Name: "k"}},
	{KeyUsePath(region, account, keyID), "eu-central-1/u/111122223333/" + keyID, Path{Kind: KindKeyUse, Region: region, Account: account, KeyID: keyID}},
	{StorePath(), "global/meta/store", Path{Kind: KindStore, Region: Global}},
}

func TestPaths(t *testing.T) {
	t.Parallel()
	for _, c := range paths {
		if string(c.got) != c.want {
			t.Errorf("path %q, want %q", c.got, c.want)
		}
		p, ok := ParsePath([]byte(c.want))
		if diff := cmp.Diff(c.path, p); !ok || diff != "" {
			t.Errorf("ParsePath(%s): %v\n%s", c.want, ok, diff)
		}
	}
}

func TestParsePathRefuses(t *testing.T) {
	t.Parallel()
	bad := []string{
		"", "/", "r", "r/", "/k/a/b", "r/k", "r/k/", "r/k/a", "r/k/a/", "r/k//b", "r/k/a/b/c", "r/q/a/b",
		"r/m/a/b", "r/m/a/b/", "r/m/a/b/abc", "r/x/", "r/x/" + strings.Repeat("AB01", 16), "r/x/" + strings.Repeat("ab", 31),
		"r/a/a/", "r/a//n", "r/ak/a/k", "r/ak/a/k/", "r/ak/a//n", "r/t/", "r/t/a", "r/t/a/", "r/t/a/b/c", "r/dom/", "r/dom/x", "r/svc/", "r/svc/a/b", "r/o/", "r/o/a/b",
		"global/id", "global/id/", "global/id/account", "global/id/account/", "global/id/account/a/b", "global/id/ak/", "global/meta", "global/meta/store/x",
		"r/id/account/a", "r/id/ak/a", "r/meta/store", "r/id/user/a/n", "global/id/user/a", "global/id/user/a/n/m", "global/id/member/a/g", "global/id/member/a/g/u/v",
		"global/id/attached/a/p/permits-role", "r/g/a/k", "r/g/a/k/", "r/g/a/k/i/j", "r/aud/k", "global/aud/", "global/aud/a/b", "r/gr/6/a/k/i", "r/gr/AB/a/k/i", "r/gr//a/k/i", "r/gr/61/a/k",
	}
	for _, k := range bad {
		if p, ok := ParsePath([]byte(k)); ok {
			t.Errorf("ParsePath(%q): %+v, want a refusal", k, p)
		}
	}
}

// TestPrefixes: a prefix's range holds what stands below it and nothing else,
// also next to an account or key id that starts with the same characters.
func TestPrefixes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		prefix  []byte
		in, out []byte
	}{
		{KeyPrefix(region, account), KeyPath(region, account, keyID), KeyPath(region, account+"4", keyID)},
		{MaterialPrefix(region, account, keyID), MaterialPath(region, account, keyID, materialBytes), MaterialPath(region, account, keyID+"0", materialBytes)},
		{AllMaterialPrefix(region), MaterialPath(region, account, keyID, materialBytes), MaterialPath(region+"a", account, keyID, materialBytes)},
		{AliasPrefix(region, account), AliasPath(region, account, "\xff"), AliasOfKeyPath(region, account, keyID, "n")},
		{AliasOfKeyPrefix(region, account, keyID), AliasOfKeyPath(region, account, keyID, "n"), AliasPath(region, account, "n")},
		{ServiceKeyPrefix(region), ServiceKeyPath(region, "seal"), DomainTokenPath(region)},
		{OutboxPrefix(region), OutboxPath(region, "e"), OutboxPath("global", "e")},
		{AccountPrefix(), AccountPath(account), AccessKeyPath("A")},
		{AccessKeyPrefix(), AccessKeyPath("A"), AccountPath(account)},
	} {
		end := PrefixEnd(c.prefix)
		within := func(k []byte) bool { return bytes.Compare(c.prefix, k) <= 0 && bytes.Compare(k, end) < 0 }
		if c.prefix[len(c.prefix)-1] != '/' || !within(c.in) || within(c.out) {
			t.Errorf("prefix %q: %q is in %v, %q is in %v", c.prefix, c.in, within(c.in), c.out, within(c.out))
		}
	}
}

func TestPrefixEnd(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"a": "b", "a/": "a0", "a\xff": "b", "a\xff\xff": "b", "\xff": "", "": ""} {
		if got := PrefixEnd([]byte(in)); string(got) != want {
			t.Errorf("PrefixEnd(%q) = %q, want %q", in, got, want)
		}
	}
}

// FuzzParsePath: what is parsed is made again from its parts, byte for byte,
// so no two store keys mean the same.
func FuzzParsePath(f *testing.F) {
	for _, c := range paths {
		f.Add([]byte(c.want))
	}
	f.Fuzz(func(t *testing.T, key []byte) {
		p, ok := ParsePath(key)
		if !ok {
			return
		}
		if again := p.make(); !bytes.Equal(key, again) {
			t.Errorf("%q parses as %+v, which makes %q", key, p, again)
		}
	})
}

// make is the store key of a parsed one.
func (p Path) make() []byte {
	switch p.Kind {
	case KindKey:
		return KeyPath(p.Region, p.Account, p.KeyID)
	case KindPolicy:
		return PolicyPath(p.Region, p.Account, p.KeyID)
	case KindMaterial:
		return MaterialPath(p.Region, p.Account, p.KeyID, p.ID)
	case KindIndex:
		return IndexPath(p.Region, p.ID)
	case KindAlias:
		return AliasPath(p.Region, p.Account, p.Name)
	case KindAliasOfKey:
		return AliasOfKeyPath(p.Region, p.Account, p.KeyID, p.Name)
	case KindTags:
		return TagsPath(p.Region, p.Account, p.KeyID)
	case KindKeyUse:
		return KeyUsePath(p.Region, p.Account, p.KeyID)
	case KindDomainToken:
		return DomainTokenPath(p.Region)
	case KindServiceKey:
		return ServiceKeyPath(p.Region, p.Name)
	case KindOutbox:
		return OutboxPath(p.Region, p.Name)
	case KindAccount:
		return AccountPath(p.Account)
	case KindAccessKey:
		return AccessKeyPath(p.Name)
	case KindStore:
		return StorePath()
	case KindAuditKey:
		return AuditKeyPath(p.Name)
	case KindUser:
		return UserPath(p.Account, p.Name)
	case KindGroup:
		return GroupPath(p.Account, p.Name)
	case KindRole:
		return RolePath(p.Account, p.Name)
	case KindManaged:
		return ManagedPath(p.Account, p.Name)
	case KindMember:
		return MemberPath(p.Account, p.Name, p.Member)
	case KindAttachment:
		who, name, _ := strings.Cut(p.Member, "/")
		use, kind, _ := strings.Cut(who, "-")
		return AttachmentPath(p.Account, p.Name, use == "bounds", Kind("id/"+kind), name)
	case KindLastUsed:
		return LastUsedPath(p.Name)
	case KindGrant:
		return GrantPath(p.Region, p.Account, p.KeyID, p.Name)
	case KindRetirable:
		return RetirablePath(p.Region, p.Retirer, p.Account, p.KeyID, p.Name)
	}
	return fmt.Appendf(nil, "unknown kind %q", p.Kind)
}
