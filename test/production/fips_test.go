package production

import (
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"trent/test/harness"
)

// approvedOnly is trent-hsm-fips, built as the Makefile builds it, but for which
// of Go's FIPS 140-3 modules it has: certified is the right one.
func approvedOnly(t *testing.T, module string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "trent-hsm-fips")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags", "fipsonly", "-o", program, "./cmd/trent-hsm")
	cmd.Dir, cmd.Env = "../..", append(os.Environ(), "GOFIPS140="+module, "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// strictly is a configuration with fips: strict and that module as a child.
func strictly(t *testing.T, program string) *harness.Production {
	t.Helper()
	p := harness.NewFolder(t)
	p.Write(fmt.Sprintf("fips: strict\nmodule: {child: {program: %s, key_file: module/key}}\nunseal: {same_user: true}\n", program))
	return p
}

// TestStrictWantsItsModule: another module than trent-hsm-fips is refused, also
// one that enforces approved algorithms without the certified module.
func TestStrictWantsItsModule(t *testing.T) {
	t.Parallel()
	for name, program := range map[string]func(*testing.T) string{
		"plain": func(*testing.T) string { return harness.Program("trent-hsm") },
		"enforcing": func(t *testing.T) string {
			program := filepath.Join(t.TempDir(), "trent-hsm")
			script := fmt.Sprintf("#!/bin/sh\nGODEBUG=fips140=only exec %s \"$@\"\n", harness.Program("trent-hsm"))
			if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			return program
		},
		"latest": func(t *testing.T) string { return approvedOnly(t, "latest") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, code := strictly(t, program(t)).Run("init")
			if code != 1 || !strings.Contains(out, "fips: strict wants trent-hsm-fips") {
				t.Errorf("%d: %s", code, out)
			}
		})
	}
}

// TestDevWantsAnotherModule: trent-hsm-fips cannot check the signatures of trent
// dev's callers, whose secret is too short.
func TestDevWantsAnotherModule(t *testing.T) {
	t.Parallel()
	out, code := harness.Run(t, "dev", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--hsm-binary", approvedOnly(t, "certified"))
	if code != 1 || !strings.Contains(out, "shorter than the 112 bits") {
		t.Errorf("%d: %s", code, out)
	}
}

// TestStrict: what FIPS 140-3 does not approve, or Go's certified module does
// not have, is refused when a key is made and when one is used; the rest works.
func TestStrict(t *testing.T) {
	t.Parallel()
	p := strictly(t, approvedOnly(t, "certified")).Init()
	s := p.Serve()
	for _, test := range []struct {
		spec, usage string
		offered     bool
	}{
		{"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", true},
		{"RSA_2048", "ENCRYPT_DECRYPT", true},
		{"RSA_2048", "SIGN_VERIFY", true},
		{"ECC_NIST_P256", "SIGN_VERIFY", true},
		{"ECC_NIST_P521", "KEY_AGREEMENT", true},
		{"ECC_NIST_EDWARDS25519", "SIGN_VERIFY", true},
		{"ECC_SECG_P256K1", "SIGN_VERIFY", false},
		{"HMAC_256", "GENERATE_VERIFY_MAC", true},
		{"ML_DSA_44", "SIGN_VERIFY", false},
		{"ML_KEM_512", "ENCAPSULATE_DECAPSULATE", false},
		{"ML_KEM_768", "ENCAPSULATE_DECAPSULATE", true},
		{"SM2", "ENCRYPT_DECRYPT", false},
		{"SM2", "SIGN_VERIFY", false},
		{"SM2", "KEY_AGREEMENT", false},
	} {
		res := s.Do(t, harness.Request{Operation: "CreateKey", Who: p.Who, Body: fmt.Sprintf(`{"KeySpec":"%s","KeyUsage":"%s"}`, test.spec, test.usage)})
		if test.offered != (res.Status == 200) || !test.offered && res.Type != "UnsupportedOperationException" {
			t.Errorf("%s for %s: %d %s", test.spec, test.usage, res.Status, res.Body)
		}
	}
	key := s.MustAs(t, p.Who, "CreateKey", object{"KeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT"})["KeyMetadata"].(object)["KeyId"]
	plaintext := base64.StdEncoding.EncodeToString([]byte("payroll"))
	for algorithm, offered := range map[string]bool{"RSAES_OAEP_SHA_1": false, "RSAES_OAEP_SHA_256": true} {
		for dryRun, well := range map[bool]string{false: "", true: "DryRunOperationException"} {
			res := s.Do(t, harness.Request{Operation: "Encrypt", Who: p.Who,
				Body: fmt.Sprintf(`{"KeyId":"%s","Plaintext":"%s","EncryptionAlgorithm":"%s","DryRun":%t}`, key, plaintext, algorithm, dryRun)})
			if offered && res.Type != well || !offered && res.Type != "UnsupportedOperationException" {
				t.Errorf("%s, dry run %t: %d %s", algorithm, dryRun, res.Status, res.Body)
			}
		}
	}
	wrapping, _ := s.CreateKey(t, p.Who)
	for _, spec := range []string{"ECC_SECG_P256K1", "SM2"} {
		for _, dryRun := range []bool{false, true} {
			res := s.Do(t, harness.Request{Operation: "GenerateDataKeyPair", Who: p.Who,
				Body: fmt.Sprintf(`{"KeyId":"%s","KeyPairSpec":"%s","DryRun":%t}`, wrapping, spec, dryRun)})
			if res.Type != "UnsupportedOperationException" {
				t.Errorf("a data key pair of %s, dry run %t: %d %s", spec, dryRun, res.Status, res.Body)
			}
		}
	}
}
