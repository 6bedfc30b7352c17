package upgrade

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// pack writes a data folder into one file.
func pack(t *testing.T, dir, file string) {
	t.Helper()
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	compressed, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewWriter(compressed)
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir || entry.Type()&fs.ModeSocket != 0 {
			return err
		}
		return packFile(archive, dir, path, entry)
	})
	if err := errors.Join(err, archive.Close(), compressed.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
}

func packFile(archive *tar.Writer, dir, path string, entry fs.DirEntry) error {
	info, err := entry.Info()
	if err != nil {
		return err
	}
	name, err := filepath.Rel(dir, path)
	if err != nil {
		return err
	}
	header := &tar.Header{Name: name, Mode: int64(info.Mode().Perm()), Typeflag: tar.TypeDir}
	if !entry.IsDir() {
		header.Typeflag, header.Size = tar.TypeReg, info.Size()
	}
	if err := archive.WriteHeader(header); err != nil || entry.IsDir() {
		return err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, err = archive.Write(b)
	return err
}

// unpack makes a data folder of what pack wrote, below a new folder.
func unpack(t *testing.T, file string) string {
	t.Helper()
	in, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	compressed, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(compressed); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return data
		}
		if err == nil {
			err = unpackFile(archive, header, filepath.Join(data, header.Name))
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
}

func unpackFile(r io.Reader, header *tar.Header, path string) error {
	mode := fs.FileMode(header.Mode)
	if header.Typeflag == tar.TypeDir {
		return os.Mkdir(path, mode)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return os.WriteFile(path, b, mode)
}
