package identity

// Forget drops what is cached, but for the day keys.
func (d *Directory) Forget() {
	forget(d.keys)
	forget(d.principals)
	forget(d.groups)
	forget(d.managed)
}

func forget[V any](c *cache[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.m)
	c.bytes = 0
}
