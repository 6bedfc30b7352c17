package proto

// Weight says where the module runs a request, so that slow work delays no
// fast one.
type Weight uint8

// The weights.
const (
	Fast   Weight = iota // microseconds: by the connection's reader
	Slow                 // up to milliseconds: in the slow lane
	Making               // up to seconds: an RSA key that is not made ahead
)

// Lead reads the key that a message begins with and looks at nothing behind
// it. The strings point into the message.
func Lead(message []byte) (k KeyRef, ok bool) {
	r := reader{b: message}
	k.decode(&r)
	return k, !r.bad
}
