package proto_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"trent/internal/hsm/proto"
)

// message is what every message of the protocol is.
type message interface {
	Append([]byte) []byte
	Decode([]byte) error
}

// messages are empty messages, by the name under which the tests run.
func messages() map[string]func() message {
	return map[string]func() message{
		"hello":              func() message { return new(proto.HelloRequest) },
		"info":               func() message { return new(proto.Info) },
		"move clock":         func() message { return new(proto.MoveClockRequest) },
		"create domain":      func() message { return new(proto.CreateDomainRequest) },
		"load domain":        func() message { return new(proto.LoadDomainRequest) },
		"rotate domain":      func() message { return new(proto.RotateDomainRequest) },
		"rewrap":             func() message { return new(proto.RewrapRequest) },
		"token":              func() message { return new(proto.TokenResponse) },
		"create service key": func() message { return new(proto.CreateServiceKeyRequest) },
		"create audit key":   func() message { return new(proto.CreateAuditKeyRequest) },
		"audit key answer":   func() message { return new(proto.AuditKeyResponse) },
		"key":                func() message { return new(proto.KeyRef) },
		"seal secret":        func() message { return new(proto.SealSecretRequest) },
		"create secret":      func() message { return new(proto.CreateSecretRequest) },
		"created secret":     func() message { return new(proto.CreateSecretResponse) },
		"day key":            func() message { return new(proto.DayKeyRequest) },
		"create key":         func() message { return new(proto.CreateKeyRequest) },
		"created key":        func() message { return new(proto.CreateKeyResponse) },
		"encrypt":            func() message { return new(proto.EncryptRequest) },
		"decrypt":            func() message { return new(proto.DecryptRequest) },
		"re-encrypt":         func() message { return new(proto.ReEncryptRequest) },
		"generate data key":  func() message { return new(proto.GenerateDataKeyRequest) },
		"generated data key": func() message { return new(proto.GenerateDataKeyResponse) },
		"generate random":    func() message { return new(proto.GenerateRandomRequest) },
		"sign":               func() message { return new(proto.SignRequest) },
		"verify":             func() message { return new(proto.VerifyRequest) },
		"agree":              func() message { return new(proto.AgreeRequest) },
		"encapsulate":        func() message { return new(proto.EncapsulateRequest) },
		"encapsulated":       func() message { return new(proto.EncapsulateResponse) },
		"decapsulate":        func() message { return new(proto.DecapsulateRequest) },
		"public encrypt":     func() message { return new(proto.PublicEncryptRequest) },
		"private decrypt":    func() message { return new(proto.PrivateDecryptRequest) },
		"re-encrypt any":     func() message { return new(proto.ReEncryptAnyRequest) },
		"data key pair":      func() message { return new(proto.DataKeyPairRequest) },
		"replication key":    func() message { return new(proto.ReplicationKeyResponse) },
		"offer replica":      func() message { return new(proto.OfferReplicaRequest) },
		"replica offered":    func() message { return new(proto.OfferReplicaResponse) },
		"send replica":       func() message { return new(proto.SendReplicaRequest) },
		"receive replica":    func() message { return new(proto.ReceiveReplicaRequest) },
		"made data key pair": func() message { return new(proto.DataKeyPairResponse) },
		"import parameters":  func() message { return new(proto.ImportParametersRequest) },
		"imported to":        func() message { return new(proto.ImportParametersResponse) },
		"import key":         func() message { return new(proto.ImportKeyRequest) },
	}
}

// fill gives every member of v a random value that the protocol allows.
func fill(r *rand.Rand, name string, v reflect.Value) {
	text := func(min, max int) string {
		b := make([]byte, min+r.IntN(max-min+1))
		for i := range b {
			b[i] = byte('a' + r.IntN(26))
		}
		return string(b)
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Type().Field(i).Name, v.Field(i))
		}
	case reflect.String:
		switch name {
		case "Account":
			v.SetString(text(1, 12))
		case "Date":
			v.SetString(text(8, 8))
		case "Region", "SenderRegion", "Service":
			v.SetString(text(1, 32))
		default:
			v.SetString(text(1, 128))
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct {
			v.Set(reflect.MakeSlice(v.Type(), 1+r.IntN(20), 20))
			for i := range v.Len() {
				fill(r, name, v.Index(i))
			}
			return
		}
		v.SetBytes([]byte(text(1, 128)))
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(r.Uint32() & 0xff))
		}
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 1)
	case reflect.Uint32:
		if name == "Bytes" {
			v.SetUint(uint64(1 + r.IntN(proto.MaxRandom)))
			return
		}
		v.SetUint(uint64(r.Uint32()))
	default:
		v.SetUint(r.Uint64() >> (64 - v.Type().Bits()))
	}
}

func TestMessagesComeBackAsTheyWent(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for name, empty := range messages() {
		for range 50 {
			sent, got := empty(), empty()
			fill(r, "", reflect.ValueOf(sent).Elem())
			prefix := []byte("kept")
			encoded := sent.Append(bytes.Clone(prefix))
			if !bytes.HasPrefix(encoded, prefix) {
				t.Fatalf("%s: Append changed what was there", name)
			}
			encoded = encoded[len(prefix):]
			if err := got.Decode(encoded); err != nil {
				t.Fatalf("%s: %v of %+v", name, err, sent)
			}
			if diff := cmp.Diff(sent, got); diff != "" {
				t.Fatalf("%s: %s", name, diff)
			}
		}
	}
}

// TestMessagesAreStrict cuts each message short at every place.
func TestMessagesAreStrict(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	openEnded := map[string]bool{"generated data key": true, "encapsulated": true, "made data key pair": true} // its last member goes to the frame's end
	for name, empty := range messages() {
		m := empty()
		fill(r, "", reflect.ValueOf(m).Elem())
		encoded := m.Append(nil)
		if !openEnded[name] {
			if err := empty().Decode(append(bytes.Clone(encoded), 0)); !errors.Is(err, proto.ErrMalformed) {
				t.Errorf("%s: a byte left over: %v", name, err)
			}
			for i := range encoded {
				if err := empty().Decode(encoded[:i]); !errors.Is(err, proto.ErrMalformed) {
					t.Errorf("%s: cut at %d of %d: %v", name, i, len(encoded), err)
				}
			}
		}
	}
}

func TestOutOfRange(t *testing.T) {
	t.Parallel()
	key := proto.KeyRef{Bind: proto.Bind{Region: "r", Account: "a", ID: "i"}, Token: []byte{1}}
	long := func(n int) string { return string(bytes.Repeat([]byte{'x'}, n)) }
	with := func(f func(*proto.KeyRef)) proto.KeyRef {
		k := key
		f(&k)
		return k
	}
	noRegion := with(func(k *proto.KeyRef) { k.Bind.Region = "" })
	longRegion := with(func(k *proto.KeyRef) { k.Bind.Region = long(proto.MaxRegion + 1) })
	longAccount := with(func(k *proto.KeyRef) { k.Bind.Account = long(proto.MaxAccount + 1) })
	noID := with(func(k *proto.KeyRef) { k.Bind.ID = "" })
	longID := with(func(k *proto.KeyRef) { k.Bind.ID = long(proto.MaxID + 1) })
	notUTF8 := with(func(k *proto.KeyRef) { k.Bind.ID = "\xff" })
	noToken := with(func(k *proto.KeyRef) { k.Token = nil })
	longToken := with(func(k *proto.KeyRef) { k.Token = make([]byte, proto.MaxToken+1) })
	for name, m := range map[string]message{
		"no Region": &noRegion, "long Region": &longRegion, "long account": &longAccount, "no id": &noID, "long id": &longID,
		"not UTF-8": &notUTF8, "no token": &noToken, "long token": &longToken,
		"no plaintext":    &proto.EncryptRequest{Key: key},
		"long plaintext":  &proto.EncryptRequest{Key: key, Plaintext: make([]byte, proto.MaxPlaintext+1)},
		"no blob":         &proto.DecryptRequest{Key: key},
		"long blob":       &proto.DecryptRequest{Key: key, Blob: make([]byte, proto.MaxBlob+1)},
		"no blob to open": &proto.ReEncryptRequest{Source: key, Destination: key},
		"zero data key":   &proto.GenerateDataKeyRequest{Key: key},
		"long data key":   &proto.GenerateDataKeyRequest{Key: key, Bytes: proto.MaxRandom + 1},
		"zero random":     &proto.GenerateRandomRequest{},
		"long random":     &proto.GenerateRandomRequest{Bytes: proto.MaxRandom + 1},
		"short date":      &proto.DayKeyRequest{Key: key, Date: "2026010", Region: "r", Service: "s"},
		"no secret":       &proto.SealSecretRequest{Account: "a", AccessKeyID: "k"},
		"long secret":     &proto.SealSecretRequest{Account: "a", AccessKeyID: "k", Secret: make([]byte, proto.MaxSecret+1)},
		"long domain":     &proto.LoadDomainRequest{Token: make([]byte, proto.MaxDomainToken+1)},
		"no domain":       &proto.RotateDomainRequest{},
	} {
		into := reflect.New(reflect.TypeOf(m).Elem()).Interface().(message)
		if err := into.Decode(m.Append(nil)); !errors.Is(err, proto.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	domain := (&proto.CreateDomainRequest{Region: "r"}).Append(nil)
	domain[len(domain)-1] = 2
	if err := new(proto.CreateDomainRequest).Decode(domain); !errors.Is(err, proto.ErrMalformed) {
		t.Errorf("a flag that is neither 0 nor 1: %v", err)
	}
}

func TestDecodingAllocatesNothing(t *testing.T) {
	m := proto.ReEncryptRequest{Blob: make([]byte, 112)}
	for _, k := range []*proto.KeyRef{&m.Source, &m.Destination} {
		*k = proto.KeyRef{Bind: proto.Bind{Region: "eu-west-1", Account: "111122223333", ID: "id"}, Token: make([]byte, 184)}
	}
	encoded := m.Append(nil)
	var into proto.ReEncryptRequest
	buffer := make([]byte, 0, 2*len(encoded))
	if n := testing.AllocsPerRun(100, func() {
		buffer = m.Append(buffer[:0])
		if into.Decode(buffer) != nil {
			t.Error("malformed")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestFrames(t *testing.T) {
	t.Parallel()
	var stream []byte
	sizes := []int{0, 1, 500, proto.MaxFrame - 9}
	for i, size := range sizes {
		start := len(stream)
		stream = append(proto.AppendHeader(stream, 0, uint8(i)), bytes.Repeat([]byte{byte(i)}, size)...)
		proto.SetID(stream[start:], uint64(i)<<40)
		if !proto.EndFrame(stream[start:]) {
			t.Fatalf("a message of %d bytes does not fit", size)
		}
	}
	if proto.EndFrame(make([]byte, 4+proto.MaxFrame+1)) {
		t.Error("an oversized frame was accepted")
	}
	for i, size := range sizes {
		if i < len(sizes)-1 { // every cut of the small ones waits for more
			for cut := range proto.HeaderSize + size {
				if _, _, ok, err := proto.Next(stream[:cut]); ok || err != nil {
					t.Fatalf("frame %d cut at %d: %v %v", i, cut, ok, err)
				}
			}
		}
		f, rest, ok, err := proto.Next(stream)
		if !ok || err != nil || f.ID != uint64(i)<<40 || f.Code != uint8(i) || len(f.Message) != size {
			t.Fatalf("frame %d: %v %v %v", i, f.ID, ok, err)
		}
		if cap(f.Message) != size {
			t.Errorf("appending to message %d would overwrite what follows", i)
		}
		stream = rest
	}
	if len(stream) != 0 {
		t.Errorf("%d bytes left", len(stream))
	}
	for _, length := range []uint32{0, 8, proto.MaxFrame + 1, 1 << 31} {
		b := []byte{byte(length >> 24), byte(length >> 16), byte(length >> 8), byte(length)}
		if _, _, ok, err := proto.Next(b); ok || !errors.Is(err, proto.ErrMalformed) {
			t.Errorf("length %d: %v %v", length, ok, err)
		}
	}
}

// TestCommandsAreThoseOfTheDocument compares the names and numbers with the
// table in docs/formats.md, both ways.
func TestCommandsAreThoseOfTheDocument(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile("../../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[proto.Command]string{}
	for _, row := range regexp.MustCompile(`(?m)^\| 0x([0-9a-f]{2}) ([^|]+) \|`).FindAllStringSubmatch(string(document), -1) {
		n, err := strconv.ParseUint(row[1], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		documented[proto.Command(n)] = row[2]
	}
	for n := range 256 {
		c := proto.Command(n)
		name, ok := documented[c]
		if ok != c.Known() {
			t.Errorf("0x%02x: documented %v, known %v", n, ok, c.Known())
		}
		if name == "… without plaintext" {
			name = "generate data key without plaintext"
		}
		if !ok {
			name = fmt.Sprintf("command 0x%02x", n)
		}
		if c.String() != name {
			t.Errorf("0x%02x is %q, documented as %q", n, c, name)
		}
	}
}

func FuzzMessages(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, empty := range messages() {
		m := empty()
		fill(r, "", reflect.ValueOf(m).Elem())
		f.Add(m.Append(nil))
	}
	all := messages()
	f.Fuzz(func(t *testing.T, b []byte) {
		for name, empty := range all {
			m := empty()
			if err := m.Decode(b); err != nil {
				if !errors.Is(err, proto.ErrMalformed) {
					t.Fatalf("%s: %v", name, err)
				}
				continue
			}
			if again := m.Append(nil); !bytes.Equal(again, b) {
				t.Fatalf("%s: %x decodes, but encodes as %x", name, b, again)
			}
		}
	})
}

func FuzzFrames(f *testing.F) {
	two := proto.AppendHeader(nil, 7, 0x31)
	proto.EndFrame(two)
	f.Add(append(bytes.Clone(two), two...))
	f.Add(two[:9])
	f.Add([]byte{0xff, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		var again []byte
		rest := b
		for {
			frame, r, ok, err := proto.Next(rest)
			if err != nil && !errors.Is(err, proto.ErrMalformed) {
				t.Fatal(err)
			}
			if err != nil || !ok {
				break
			}
			start := len(again)
			again = append(proto.AppendHeader(again, frame.ID, frame.Code), frame.Message...)
			if !proto.EndFrame(again[start:]) {
				t.Fatal("a frame that was read is too large to be written")
			}
			rest = r
		}
		if !bytes.Equal(append(again, rest...), b) {
			t.Fatal("frames and rest are not what was read")
		}
	})
}
