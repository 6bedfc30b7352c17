package robustness

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"trent/test/harness"
)

// canarySize is that of a 256-bit key; half of one is enough to be found.
const canarySize = 32

// A needle is one form of one half of a secret.
type needle struct {
	what  string
	bytes []byte
}

// needles are the forms in which a secret might leak, from each of its halves:
// raw, base64 (at each of the three alignments, both alphabets), hex, escaped
// as Go and JSON escape, and the numbers that %v prints.
func needles(what string, secret []byte) (list []needle) {
	for i, half := range [][]byte{secret[:len(secret)/2], secret[len(secret)/2:]} {
		add := func(form string, b []byte) {
			list = append(list, needle{fmt.Sprintf("%s, half %d, %s", what, i+1, form), b})
		}
		add("raw", half)
		for shift := range 3 {
			for form, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
				text := encoding.EncodeToString(append(make([]byte, shift), half...))
				// Characters that carry bits of what stands before or after are cut.
				from, to := (shift*8+5)/6, (shift+len(half))*8/6
				add(fmt.Sprintf("%s at %d", form, shift), []byte(text[from:to]))
			}
		}
		add("hex", []byte(hex.EncodeToString(half)))
		add("HEX", []byte(strings.ToUpper(hex.EncodeToString(half))))
		add("hex with spaces", fmt.Appendf(nil, "% x", half))
		numbers := fmt.Sprint(half)
		add("numbers", []byte(numbers[1:len(numbers)-1]))
		add("numbers with commas", []byte(strings.ReplaceAll(numbers[1:len(numbers)-1], " ", ",")))
	}
	// What a byte is escaped as depends on its neighbours, unless those are ASCII.
	whole := bytes.TrimFunc(secret, func(r rune) bool { return r >= utf8.RuneSelf })
	if len(whole) < len(secret)/4 {
		return list
	}
	quoted := strconv.Quote(string(whole))
	escaped, _ := json.Marshal(string(whole))
	return append(list, needle{what + ", quoted", []byte(quoted[1 : len(quoted)-1])}, needle{what + ", JSON", escaped[1 : len(escaped)-1]})
}

// leaks returns which needles stand in b.
func leaks(b []byte, list []needle) (found []string) {
	for _, n := range list {
		if bytes.Contains(b, n.bytes) {
			found = append(found, n.what)
		}
	}
	return found
}

// scan looks for the needles in every file of a folder.
func scan(t *testing.T, folder string, list []needle) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for _, what := range leaks(b, list) {
			t.Errorf("%s holds %s", path, what)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 2 {
		t.Errorf("only %d files in %s: this looks at the wrong place", files, folder)
	}
}

// TestScannerFinds is the control: each form is found when it is there, also
// in the middle of something larger.
func TestScannerFinds(t *testing.T) {
	t.Parallel()
	secret := randomBytes(canarySize)
	list := needles("it", secret)
	for name, b := range map[string][]byte{
		"raw":         append([]byte("xx"), secret...),
		"base64":      []byte(base64.StdEncoding.EncodeToString(append([]byte("a"), secret...))),
		"base64url":   []byte(base64.RawURLEncoding.EncodeToString(append([]byte("ab"), secret...))),
		"hex":         []byte(hex.EncodeToString(secret)),
		"%v":          fmt.Appendf(nil, "%v", secret),
		"%q":          fmt.Appendf(nil, "%q", secret),
		"JSON":        []byte(harness.Marshal(string(secret))),
		"JSON, blob":  []byte(harness.Marshal(object{"x": secret})),
		"a half only": secret[canarySize/2:],
	} {
		if len(leaks(b, list)) == 0 {
			t.Errorf("%s is not found in %q", name, b)
		}
	}
	if found := leaks(randomBytes(1<<16), list); found != nil {
		t.Errorf("found in noise: %v", found)
	}
	folder := t.TempDir()
	for _, name := range []string{"one", "two"} {
		os.WriteFile(filepath.Join(folder, name), []byte("nothing"), 0o600)
	}
	scan(t, folder, list)
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// TestNothingLeaks plants secrets in a session of good and of bad requests,
// and looks for them in the files (the store's write-ahead log too, while it
// runs), the logs of all levels with a line for each request, the metrics, the
// health checks, the audit trail, the errors, and the dumps of a crash.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "--audit", "relaxed", "--log-level", "debug", "--log-requests", "all", "--metrics", "127.0.0.1:0")
	list, errorBodies := plant(t, s)
	// What the audit trail may have, as CloudTrail does, and nothing else.
	recorded := slices.Concat(list, plantRecorded(t, s))

	scan(t, s.Data, list)
	inBackup(t, s, recorded)
	for _, path := range []string{"/metrics", "/healthz", "/readyz"} {
		body := get(t, s.MetricsURL(t)+path)
		for _, what := range leaks(body, recorded) {
			t.Errorf("%s holds %s", path, what)
		}
	}
	if !bytes.Contains(get(t, s.MetricsURL(t)+"/metrics"), []byte(`trent_requests_total{code="OK",operation="Decrypt"}`)) {
		t.Errorf("the metrics do not tell of the session: this looks at the wrong place")
	}
	records, err := harness.ReadAudit(s.Data)
	if err != nil || len(records) == 0 {
		t.Fatalf("the trail: %d records, %v", len(records), err)
	}
	inExports(t, s.Data, list)
	for _, body := range errorBodies {
		for _, what := range leaks(body, list) {
			t.Errorf("the error %.500s holds %s", body, what)
		}
	}
	// SIGQUIT makes Go programs print all their stacks, which is what a panic
	// would show. The module prints none: arguments on them may be secrets.
	module := s.Module()
	syscall.Kill(module, syscall.SIGQUIT)
	harness.Eventually(30*time.Second, func() bool { return s.Module() != module })
	syscall.Kill(s.PID(), syscall.SIGQUIT)
	if !harness.Eventually(30*time.Second, func() bool { return !s.Alive() }) {
		t.Errorf("SIGQUIT does not end the server")
	}
	output := s.Output()
	logged, _, _ := bytes.Cut(output, []byte("SIGQUIT: quit")) // stacks and registers are not logs
	if n := bytes.Count(logged, []byte("msg=request operation=Decrypt code=OK ")); n < 2 {
		t.Errorf("%d Decrypts are logged: this looks at the wrong place", n)
	}
	for _, what := range leaks(logged, recorded) {
		t.Errorf("the log holds %s", what)
	}
	if n := bytes.Count(output, []byte("SIGQUIT: quit")); n != 1 {
		t.Errorf("%d processes have printed their stacks, want the service only", n)
	}
	for _, what := range leaks(output, list) {
		t.Errorf("the server's output holds %s", what)
	}
	scan(t, s.Data, list)
}

// inBackup looks for secrets, and for the module's key, in a backup.
func inBackup(t *testing.T, s *harness.Server, list []needle) {
	t.Helper()
	keyFile, err := os.ReadFile(filepath.Join(s.Data, "module", "key"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(keyFile)))
	if err != nil || len(key) != canarySize {
		t.Fatalf("the key file has %d bytes, %v", len(keyFile), err)
	}
	file := filepath.Join(t.TempDir(), "backup")
	if out, code := harness.Run(t, "backup", "--data", s.Data, "--out", file); code != 0 {
		t.Fatalf("trent backup: %d %s", code, out)
	}
	b, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(b, []byte(harness.Region)) {
		t.Fatalf("the backup: %d bytes, %v", len(b), err)
	}
	for _, what := range leaks(b, slices.Concat(list, needles("the module's key", key))) {
		t.Errorf("the backup holds %s", what)
	}
}

// plantRecorded makes requests with what belongs in the audit trail at most: an
// encryption context, headers, credentials.
func plantRecorded(t *testing.T, s *harness.Server) (list []needle) {
	t.Helper()
	secretOf := func(what string) string {
		text := hex.EncodeToString(randomBytes(canarySize))
		list = append(list, needle{what, []byte(text[:canarySize])}, needle{what, []byte(text[canarySize:])})
		return text
	}
	key, _ := s.CreateKey(t, harness.Default)
	s.Must(t, "Encrypt", object{"KeyId": key, "Plaintext": "AA==", "EncryptionContext": object{"k": secretOf("a value of an encryption context")}})
	for _, in := range []object{{"KeyId": key, "Plaintext": "AA=="}, {"KeyId": "alias/none", "Plaintext": "AA=="}} {
		in["EncryptionContext"] = object{secretOf("a name in an encryption context"): "v"}
		var authorization string
		s.Do(t, harness.Request{Operation: "Encrypt", Body: harness.Marshal(in),
			Before: func(r *http.Request) { r.Header.Set("User-Agent", secretOf("a user agent")) },
			After: func(r *http.Request) {
				r.Header.Set("X-Canary", secretOf("a header"))
				authorization = r.Header.Get("Authorization")
			}})
		_, signature, _ := strings.Cut(authorization, "Signature=")
		if len(signature) != 64 {
			t.Fatalf("the signature is %q", signature)
		}
		list = append(list, needle{"a signature", []byte(signature)})
	}
	return list
}

// plantCredentials makes an access key and temporary credentials, and uses them.
func plantCredentials(t *testing.T, s *harness.Server) (list []needle) {
	t.Helper()
	who := harness.Default
	form := func(service, body string) string {
		res := s.Do(t, harness.Request{Service: service, Body: body, Who: who})
		if res.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", body, res.Status, res.Body)
		}
		return string(res.Body)
	}
	element := func(body, name string) string {
		_, rest, _ := strings.Cut(body, "<"+name+">")
		text, _, found := strings.Cut(rest, "</"+name+">")
		if !found || len(text) < 16 {
			t.Fatalf("no %s in %s", name, body)
		}
		return text
	}
	form("iam", "Version=2010-05-08&Action=CreateUser&UserName=canary")
	made := form("iam", "Version=2010-05-08&Action=CreateAccessKey&UserName=canary")
	who.AccessKey, who.SecretKey = element(made, "AccessKeyId"), element(made, "SecretAccessKey")
	list = append(list, needle{"a secret access key", []byte(who.SecretKey)})
	made = form("sts", "Version=2011-06-15&Action=GetSessionToken")
	who.AccessKey, who.SecretKey, who.Token = element(made, "AccessKeyId"), element(made, "SecretAccessKey"), element(made, "SessionToken")
	form("sts", "Version=2011-06-15&Action=GetCallerIdentity")
	return append(list, needle{"a temporary secret access key", []byte(who.SecretKey)}, needle{"a session token", []byte(who.Token)})
}

// get reads a page, whatever its status.
func get(t *testing.T, url string) []byte {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || len(body) == 0 {
		t.Fatalf("%s: %d bytes, %v", url, len(body), err)
	}
	return body
}

// plant makes the session and returns what to look for, and the error bodies.
func plant(t *testing.T, s *harness.Server) (list []needle, errorBodies [][]byte) {
	t.Helper()
	secretOf := func(what string) (secret []byte, text string) {
		secret = randomBytes(canarySize)
		list = append(list, needles(what, secret)...)
		return secret, base64.StdEncoding.EncodeToString(secret)
	}
	found := func(what string, answer object) {
		secret, err := base64.StdEncoding.DecodeString(answer["Plaintext"].(string))
		if err != nil || len(secret) != canarySize {
			t.Fatalf("%s: %v", what, err)
		}
		list = append(list, needles(what, secret)...)
	}
	fails := func(operation, body string) {
		res := s.Do(t, harness.Request{Operation: operation, Body: body})
		if res.Type == "" {
			t.Fatalf("%s: %d %s, want an error", operation, res.Status, res.Body)
		}
		errorBodies = append(errorBodies, res.Body)
	}
	key, _ := s.CreateKey(t, harness.Default)
	_, plaintext := secretOf("a plaintext")
	sealed := s.Must(t, "Encrypt", object{"KeyId": key, "Plaintext": plaintext})["CiphertextBlob"]
	s.Must(t, "Decrypt", object{"CiphertextBlob": sealed})
	s.Must(t, "ReEncrypt", object{"CiphertextBlob": sealed, "DestinationKeyId": key})
	found("a data key", s.Must(t, "GenerateDataKey", object{"KeyId": key, "KeySpec": "AES_256"}))
	found("randomness", s.Must(t, "GenerateRandom", object{"NumberOfBytes": canarySize}))
	hidden := s.Must(t, "GenerateDataKeyWithoutPlaintext", object{"KeyId": key, "KeySpec": "AES_256"})
	found("a data key without plaintext", s.Must(t, "Decrypt", object{"CiphertextBlob": hidden["CiphertextBlob"]}))

	grant := s.Must(t, "CreateGrant", object{"KeyId": key, "GranteePrincipal": "arn:aws:iam::" + harness.Account + ":role/r", "Operations": []string{"Decrypt"}})["GrantToken"].(string)
	sealedToken, err := base64.RawURLEncoding.DecodeString(grant)
	if err != nil || len(sealedToken) < 2*canarySize {
		t.Fatalf("a grant token of %d bytes, %v", len(sealedToken), err)
	}
	list = append(list, needles("a grant token that was given out", sealedToken[canarySize:2*canarySize])...)
	s.Must(t, "DescribeKey", object{"KeyId": key, "GrantTokens": []string{grant}})
	s.Must(t, "RetireGrant", object{"GrantToken": grant})
	fails("RetireGrant", harness.Marshal(object{"GrantToken": grant}))
	fails("RetireGrant", harness.Marshal(object{"GrantToken": grant[1:]}))

	list = append(list, plantCredentials(t, s)...)

	plantOfKinds(t, s, key, func(what string, secret []byte) { list = append(list, needles(what, secret)...) })

	_, inDryRun := secretOf("the plaintext of a dry run")
	fails("Encrypt", harness.Marshal(object{"KeyId": key, "Plaintext": inDryRun, "DryRun": true}))
	long, _ := secretOf("a long plaintext")
	fails("Encrypt", harness.Marshal(object{"KeyId": key, "Plaintext": slices.Concat(long, make([]byte, 4096))}))
	_, unknownKey := secretOf("a plaintext for an unknown key")
	fails("Encrypt", harness.Marshal(object{"KeyId": "alias/none", "Plaintext": unknownKey}))
	_, broken := secretOf("a plaintext in bad JSON")
	fails("Encrypt", `{"KeyId":"`+key+`","Plaintext":"`+broken+`"`)
	_, badBase64 := secretOf("a plaintext in bad base64")
	fails("Encrypt", `{"KeyId":"`+key+`","Plaintext":"`+badBase64+`*"}`)
	_, wrongType := secretOf("a plaintext of the wrong type")
	fails("Encrypt", `{"KeyId":"`+key+`","Plaintext":["`+wrongType+`"]}`)
	_, token := secretOf("a grant token")
	fails("Encrypt", harness.Marshal(object{"KeyId": "alias/none", "Plaintext": "AA==", "GrantTokens": []string{token}}))
	_, longToken := secretOf("a long grant token")
	fails("Encrypt", harness.Marshal(object{"KeyId": key, "Plaintext": "AA==", "GrantTokens": []string{longToken + strings.Repeat("x", 8192)}}))
	_, missing := secretOf("a plaintext in an operation that does not exist")
	fails("Encipher", harness.Marshal(object{"KeyId": key, "Plaintext": missing}))
	_, material := secretOf("a message to be signed")
	fails("Sign", harness.Marshal(object{"KeyId": key, "Message": material, "SigningAlgorithm": "ECDSA_SHA_256"}))
	return list, errorBodies
}

// plantOfKinds makes secrets with asymmetric and HMAC keys; key is a symmetric
// one.
func plantOfKinds(t *testing.T, s *harness.Server, key string, plant func(what string, secret []byte)) {
	t.Helper()
	make := func(spec, usage string) string {
		return s.Must(t, "CreateKey", object{"KeySpec": spec, "KeyUsage": usage})["KeyMetadata"].(object)["KeyId"].(string)
	}
	answered := func(what string, answer object, member string, from int) {
		secret, err := base64.StdEncoding.DecodeString(answer[member].(string))
		if err != nil || len(secret) < from+canarySize {
			t.Fatalf("%s: %d bytes, %v", what, len(secret), err)
		}
		plant(what, secret[from:from+canarySize])
	}
	message, plaintext := randomBytes(canarySize), randomBytes(canarySize)
	plant("a message that is signed", message)
	plant("a plaintext for an asymmetric key", plaintext)
	sign, mac := make("ECC_NIST_EDWARDS25519", "SIGN_VERIFY"), make("HMAC_256", "GENERATE_VERIFY_MAC")
	answered("a signature", s.Must(t, "Sign", object{"KeyId": sign, "SigningAlgorithm": "ED25519_SHA_512", "Message": message}), "Signature", 0)
	in := object{"KeyId": mac, "MacAlgorithm": "HMAC_SHA_256", "Message": message}
	made := s.Must(t, "GenerateMac", in)
	answered("a MAC", made, "Mac", 0)
	in["Mac"] = made["Mac"]
	s.Must(t, "VerifyMac", in)
	agree, kem, sm2 := make("ECC_NIST_P256", "KEY_AGREEMENT"), make("ML_KEM_768", "ENCAPSULATE_DECAPSULATE"), make("SM2", "ENCRYPT_DECRYPT")
	public := s.Must(t, "GetPublicKey", object{"KeyId": agree})["PublicKey"]
	answered("a shared secret of ECDH", s.Must(t, "DeriveSharedSecret", object{"KeyId": agree, "KeyAgreementAlgorithm": "ECDH", "PublicKey": public}), "SharedSecret", 0)
	encapsulated := s.Must(t, "Encapsulate", object{"KeyId": kem, "EncapsulationAlgorithm": "ML_KEM"})
	answered("a shared secret of ML-KEM", encapsulated, "SharedSecret", 0)
	s.Must(t, "Decapsulate", object{"KeyId": kem, "EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": encapsulated["SharedSecretCiphertextBlob"]})
	sealed := s.Must(t, "Encrypt", object{"KeyId": sm2, "EncryptionAlgorithm": "SM2PKE", "Plaintext": plaintext})["CiphertextBlob"]
	s.Must(t, "Decrypt", object{"KeyId": sm2, "EncryptionAlgorithm": "SM2PKE", "CiphertextBlob": sealed})
	s.Must(t, "ReEncrypt", object{"SourceKeyId": sm2, "SourceEncryptionAlgorithm": "SM2PKE", "CiphertextBlob": sealed, "DestinationKeyId": key})
	// The seed of Ed25519 ends its PKCS #8; that of ML-KEM too.
	pair := object{"KeyId": key, "KeyPairSpec": "ECC_NIST_EDWARDS25519"}
	answered("a private key", s.Must(t, "GenerateDataKeyPair", pair), "PrivateKeyPlaintext", 16)
	hidden := s.Must(t, "GenerateDataKeyPairWithoutPlaintext", pair)
	answered("a private key without plaintext", s.Must(t, "Decrypt", object{"CiphertextBlob": hidden["PrivateKeyCiphertextBlob"]}), "Plaintext", 16)
}
