package dist

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// write puts all files into a new folder beside out, and then the folder in
// the place of out. Whoever reads out sees the old build or the new one.
func write(out string, all files) (err error) {
	out, err = filepath.Abs(out)
	if err != nil {
		return err
	}
	exists, err := replaceable(out)
	if err != nil {
		return err
	}
	parent, base := filepath.Split(out)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(parent, "."+base+"-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()

	fresh, old := filepath.Join(scratch, "new"), filepath.Join(scratch, "old")
	for _, name := range all.names() {
		file := filepath.Join(fresh, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, all[name], 0o644); err != nil {
			return err
		}
	}
	if exists {
		if err := os.Rename(out, old); err != nil {
			return err
		}
	}
	if err := os.Rename(fresh, out); err != nil {
		if exists {
			err = errors.Join(err, os.Rename(old, out))
		}
		return err
	}
	return nil
}

// replaceable reports whether there is something at out, and refuses anything
// but an empty folder or a build of ours: a build removes what it replaces.
func replaceable(out string) (exists bool, err error) {
	entries, err := os.ReadDir(out)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("%w: %w", ErrForeign, err)
	case len(entries) == 0:
		return true, nil
	}
	text, err := os.ReadFile(filepath.Join(out, manifestName))
	if err == nil {
		_, err = decodeManifest(text)
	}
	if err != nil {
		return false, fmt.Errorf("%w: %s is not empty (%w); name another folder, or empty this one", ErrForeign, out, err)
	}
	return true, nil
}
