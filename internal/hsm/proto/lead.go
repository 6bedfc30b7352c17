package proto

// Lead reads the key that a message begins with and looks at nothing behind
// it. The strings point into the message.
func Lead(message []byte) (k KeyRef, ok bool) {
	r := reader{b: message}
	k.decode(&r)
	return k, !r.bad
}
