package auditindex

import "encoding/binary"

// A list is of records, by their numbers in a segment, in order. Its bytes are
// the differences, each to the number before (to −1 at first), as varints. A
// difference of 0 stands for none: a varint follows it, and so many records come
// one after the other. So what all records have takes three bytes.

// appendList appends a list's bytes.
func appendList(dst []byte, numbers []uint32) []byte {
	for i := 0; i < len(numbers); {
		before := int64(-1)
		if i > 0 {
			before = int64(numbers[i-1])
		}
		run := 0
		for i+run < len(numbers) && int64(numbers[i+run]) == before+1+int64(run) {
			run++
		}
		if run > 1 {
			dst = binary.AppendUvarint(append(dst, 0), uint64(run))
			i += run
			continue
		}
		dst = binary.AppendUvarint(dst, uint64(int64(numbers[i])-before))
		i++
	}
	return dst
}

// readList reads a list of so many records of a segment that has records of them.
func readList(b []byte, count, records uint32) ([]uint32, error) {
	if count > records {
		return nil, errStale
	}
	numbers := make([]uint32, 0, count)
	next := uint64(0) // one more than the last number
	for uint32(len(numbers)) < count {
		step, n := binary.Uvarint(b)
		if n <= 0 {
			return nil, errStale
		}
		b = b[n:]
		run := uint64(1)
		if step == 0 {
			if run, n = binary.Uvarint(b); n <= 0 || run == 0 {
				return nil, errStale
			}
			b, step = b[n:], 1
		}
		if step > uint64(records) || run > uint64(records) || next+step+run-1 > uint64(records) || uint64(len(numbers))+run > uint64(count) {
			return nil, errStale
		}
		next += step - 1
		for range run {
			numbers = append(numbers, uint32(next))
			next++
		}
	}
	if len(b) > 0 {
		return nil, errStale
	}
	return numbers, nil
}
