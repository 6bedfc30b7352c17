package keyspec_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"trent/internal/keyspec"
)

// fact is what AWS's guide says of a spec, written down once more: "Key spec
// reference", "Quotas", and the pages of Encrypt and Sign.
type fact struct {
	kind  keyspec.Type
	class keyspec.Class
	pairs int // data key pairs a second; 0: there are none
	// usage → algorithms, each with what follows its name: "<" the longest
	// plaintext, "#" the length of a digest, "mu" and "no raw", "!" not approved.
	uses map[keyspec.Usage]string
}

const (
	rsaSigns = "RSASSA_PSS_SHA_256#32 RSASSA_PSS_SHA_384#48 RSASSA_PSS_SHA_512#64 " +
		"RSASSA_PKCS1_V1_5_SHA_256#32 RSASSA_PKCS1_V1_5_SHA_384#48 RSASSA_PKCS1_V1_5_SHA_512#64"
	signs, encrypts, agrees = keyspec.SignVerify, keyspec.EncryptDecrypt, keyspec.KeyAgreement
	macs, encapsulates      = keyspec.GenerateVerifyMAC, keyspec.EncapsulateDecapsulate
)

var facts = func() map[keyspec.Spec]fact {
	type uses = map[keyspec.Usage]string
	m := map[keyspec.Spec]fact{
		"SYMMETRIC_DEFAULT": {keyspec.Symmetric, keyspec.ClassSymmetric, 0, uses{encrypts: "SYMMETRIC_DEFAULT<4096"}},
		"RSA_2048": {keyspec.Asymmetric, keyspec.ClassRSA, 20,
			uses{encrypts: "RSAES_OAEP_SHA_1<214! RSAES_OAEP_SHA_256<190", signs: rsaSigns}},
		"RSA_3072": {keyspec.Asymmetric, keyspec.ClassRSA, 4,
			uses{encrypts: "RSAES_OAEP_SHA_1<342! RSAES_OAEP_SHA_256<318", signs: rsaSigns}},
		"RSA_4096": {keyspec.Asymmetric, keyspec.ClassRSA, 1,
			uses{encrypts: "RSAES_OAEP_SHA_1<470! RSAES_OAEP_SHA_256<446", signs: rsaSigns}},
		"ECC_NIST_P256":   {keyspec.Asymmetric, keyspec.ClassECC, 100, uses{signs: "ECDSA_SHA_256#32", agrees: "ECDH"}},
		"ECC_NIST_P384":   {keyspec.Asymmetric, keyspec.ClassECC, 100, uses{signs: "ECDSA_SHA_384#48", agrees: "ECDH"}},
		"ECC_NIST_P521":   {keyspec.Asymmetric, keyspec.ClassECC, 100, uses{signs: "ECDSA_SHA_512#64", agrees: "ECDH"}},
		"ECC_SECG_P256K1": {keyspec.Asymmetric, keyspec.ClassECC, 100, uses{signs: "ECDSA_SHA_256#32!"}},
		"ECC_NIST_EDWARDS25519": {keyspec.Asymmetric, keyspec.ClassECC, 100,
			uses{signs: "ED25519_SHA_512 ED25519_PH_SHA_512#64noraw"}},
		"SM2": {keyspec.Asymmetric, keyspec.ClassECC, 25,
			uses{encrypts: "SM2PKE<1024!", signs: "SM2DSA#32!", agrees: "ECDH!"}},
	}
	for _, bits := range []string{"224", "256", "384", "512"} {
		m[keyspec.Spec("HMAC_"+bits)] = fact{keyspec.HMAC, keyspec.ClassSymmetric, 0, uses{macs: "HMAC_SHA_" + bits}}
	}
	for _, set := range []string{"44", "65", "87"} {
		m[keyspec.Spec("ML_DSA_"+set)] = fact{keyspec.Asymmetric, keyspec.ClassMLDSA, 0, uses{signs: "ML_DSA_SHAKE_256mu!"}}
	}
	for set, approved := range map[string]string{"512": "!", "768": "", "1024": ""} {
		m[keyspec.Spec("ML_KEM_"+set)] = fact{keyspec.Asymmetric, keyspec.ClassMLKEM, 100, uses{encapsulates: "ML_KEM" + approved}}
	}
	return m
}()

// written is an algorithm as facts has it.
func written(a *keyspec.Alg) string {
	s := string(a.Name)
	if a.MaxPlaintextBytes > 0 {
		s += "<" + strconv.Itoa(a.MaxPlaintextBytes)
	}
	if a.DigestBytes > 0 {
		s += "#" + strconv.Itoa(a.DigestBytes)
	}
	if a.RawRefused {
		s += "noraw"
	}
	if a.MuBytes == 64 {
		s += "mu"
	}
	if a.NotApproved {
		s += "!"
	}
	return s
}

func TestTableIsAWSs(t *testing.T) {
	t.Parallel()
	got := map[keyspec.Spec]fact{}
	for _, row := range keyspec.All() {
		f := fact{row.Type, row.Class, row.PairsPerSecond, map[keyspec.Usage]string{}}
		for _, u := range row.Uses {
			var algs []string
			for i := range u.Algorithms {
				algs = append(algs, written(&u.Algorithms[i]))
			}
			f.uses[u.Usage] = strings.Join(algs, " ")
		}
		got[row.Spec] = f
		if row.DataKeyPair != (row.PairsPerSecond > 0) {
			t.Errorf("%s: data key pairs %v, %d a second", row.Spec, row.DataKeyPair, row.PairsPerSecond)
		}
	}
	for _, spec := range slices.Sorted(maps.Keys(facts)) {
		if !reflect.DeepEqual(got[spec], facts[spec]) {
			t.Errorf("%s is %+v, not %+v", spec, got[spec], facts[spec])
		}
	}
	if len(got) != len(facts) || len(got) != len(keyspec.All()) {
		t.Errorf("%d specs, %d in the table", len(got), len(facts))
	}
}

// TestModel: the names are those of api/model.json, all of them and no others.
func TestModel(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../api/model.json")
	if err != nil {
		t.Fatal(err)
	}
	var model struct {
		Shapes map[string]struct{ Values []string }
	}
	if err := json.Unmarshal(text, &model); err != nil {
		t.Fatal(err)
	}
	enums := map[keyspec.Usage]string{
		signs: "SigningAlgorithmSpec", encrypts: "EncryptionAlgorithmSpec", agrees: "KeyAgreementAlgorithmSpec",
		macs: "MacAlgorithmSpec", encapsulates: "EncapsulationAlgorithmSpec",
	}
	got := map[string]map[string]bool{}
	put := func(enum, value string) {
		if got[enum] == nil {
			got[enum] = map[string]bool{}
		}
		got[enum][value] = true
	}
	for _, row := range keyspec.All() {
		put("KeySpec", string(row.Spec))
		if row.DataKeyPair {
			put("DataKeyPairSpec", string(row.Spec))
		}
		for _, u := range row.Uses {
			put("KeyUsageType", string(u.Usage))
			for _, a := range u.Algorithms {
				put(enums[u.Usage], string(a.Name))
			}
		}
	}
	for enum, values := range got {
		if want := slices.Sorted(slices.Values(model.Shapes[enum].Values)); !slices.Equal(slices.Sorted(maps.Keys(values)), want) {
			t.Errorf("%s: %v in the table, %v in the model", enum, slices.Sorted(maps.Keys(values)), want)
		}
	}
	if len(got) != len(enums)+3 {
		t.Errorf("enums: %v", slices.Sorted(maps.Keys(got)))
	}
}

// documented reads a list of docs/formats.md, "1 A, 2–3 B_x/y", into number →
// name. It begins with intro and ends with a full stop.
func documented(t *testing.T, intro string) map[int]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, ok := strings.Cut(string(text), intro)
	list, _, ended := strings.Cut(after, ".")
	if !ok || !ended {
		t.Fatalf("docs/formats.md has no list %q", intro)
	}
	item := regexp.MustCompile(`^(\d+)(?:–(\d+))? (\S+)$`)
	names := map[int]string{}
	for _, part := range strings.Split(strings.Join(strings.Fields(list), " "), ", ") {
		m := item.FindStringSubmatch(part)
		if m == nil {
			t.Fatalf("%q in docs/formats.md", part)
		}
		first, _ := strconv.Atoi(m[1])
		tails := strings.Split(m[3], "/")
		prefix := ""
		if len(tails) > 1 {
			prefix = tails[0][:strings.LastIndex(tails[0], "_")+1]
			tails[0] = strings.TrimPrefix(tails[0], prefix)
		}
		for i, tail := range tails {
			names[first+i] = prefix + tail
		}
		if m[2] != "" && m[2] != strconv.Itoa(first+len(tails)-1) {
			t.Errorf("%q in docs/formats.md: %d names", part, len(tails))
		}
	}
	return names
}

// TestNumbers: the numbers of specs, usages and algorithms are docs/formats.md's,
// all of them and no others.
func TestNumbers(t *testing.T) {
	t.Parallel()
	specs, usages, algorithms := map[int]string{}, map[int]string{}, map[int]string{}
	put := func(m map[int]string, number int, name string) {
		if other, ok := m[number]; ok && other != name {
			t.Errorf("number %d is %s and %s", number, other, name)
		}
		m[number] = name
	}
	for _, row := range keyspec.All() {
		put(specs, int(row.Number), string(row.Spec))
		for _, u := range row.Uses {
			put(usages, int(u.Usage.Number()), string(u.Usage))
			for _, a := range u.Algorithms {
				put(algorithms, int(a.Number), string(a.Name))
			}
		}
	}
	for intro, got := range map[string]map[int]string{"Key specs: ": specs, "Usages: ": usages, "Algorithms, u8, in frames: ": algorithms} {
		if want := documented(t, intro); !maps.Equal(got, want) {
			t.Errorf("%s%v in the table, %v in docs/formats.md", intro, got, want)
		}
	}
}

// TestLookups: each row and algorithm is found by name and number, and nothing
// else is.
func TestLookups(t *testing.T) {
	t.Parallel()
	found := 0
	for n := range 1 << 16 {
		if row := keyspec.Numbered(uint16(n)); row != nil {
			found++
			if int(row.Number) != n || keyspec.Of(row.Spec) != row {
				t.Errorf("number %d is %s with %d", n, row.Spec, row.Number)
			}
		}
	}
	if found != len(keyspec.All()) || keyspec.Of("") != nil || keyspec.Of("RSA_1024") != nil {
		t.Errorf("%d rows by number", found)
	}
	if keyspec.Usage("").Number() != 0 || keyspec.Usage("SIGN").Number() != 0 {
		t.Error("an unknown usage has a number")
	}
	for _, row := range keyspec.All() {
		if row.Type.String() == "" || row.Class == 0 || row.Family == 0 || row.Parameter == 0 {
			t.Errorf("%s: incomplete", row.Spec)
		}
		checkAlgorithms(t, &row)
	}
}

func checkAlgorithms(t *testing.T, row *keyspec.Row) {
	t.Helper()
	byNumber := map[string]string{}
	for usage := range 256 {
		for number := range 256 {
			if a := row.AlgorithmNumbered(uint8(usage), uint8(number)); a != nil {
				byNumber[fmt.Sprint(usage, number)] = string(a.Name)
			}
		}
	}
	n := 0
	for _, u := range row.Uses {
		for i := range u.Algorithms {
			a := &u.Algorithms[i]
			n++
			if row.Algorithm(u.Usage, a.Name) != a || byNumber[fmt.Sprint(u.Usage.Number(), a.Number)] != string(a.Name) {
				t.Errorf("%s: %s is not found", row.Spec, a.Name)
			}
		}
	}
	if len(byNumber) != n || row.Algorithm(signs, "SM2PKE") != nil || row.Algorithm("", "ECDH") != nil || row.Algorithms("") != nil {
		t.Errorf("%s: %d algorithms by number, %d in the table", row.Spec, len(byNumber), n)
	}
}
