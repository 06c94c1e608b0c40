package store

import "errors"

const (
	dataLink = "..data"
	// dataTemp is dataLink before it is renamed.
	dataTemp = "..data_tmp"
)

// commit is the one way in which a store changes:
//
//  1. Look again at what is published, in case someone else touched it.
//  2. Plan the new generation in memory. Names, conflicts, permissions and the contents of files that
//     have to be copied are settled here, so that after this only the file system can fail. What is
//     not whole, and is not replaced, is kept as it is: see salvage.
//  3. If the plan is what is published already, mend the top-level links, clear old generations, stop.
//  4. Make the directory "..<generation>". Carry unchanged files forward by hard link, write the
//     others, each synced; make its links; sync its directories.
//  5. Make the new top-level links "<name> -> ..data/<name>". They lead nowhere until the swap.
//  6. Sync the store's directory: from here on a crash finds everything that "..data" may lead to.
//  7. Make "..data_tmp -> ..<generation>" and rename it to "..data". rename(2) replaces the link in
//     one step: a path is looked up through the old link or through the new one. Watchers see one
//     IN_MOVED_TO on "..data".
//  8. Sync the store's directory again, so that the swap survives a power failure.
//  9. Remove top-level links that lead nowhere any more, and generations that no reader can be on its
//     way through any more: looking up a path takes several steps, and one that had followed the old
//     "..data" when it was swapped must still find its file there. See replaced.
//
// If 4 to 7 fail, the new generation and its top-level links are removed and the old one stays. After
// 7 the new one is what counts, and a failure is only a warning. Open does 9 after a crash.
func (s *Store) commit(entries []Entry) (Result, error) {
	warnings, err := s.look()
	if err != nil {
		return Result{}, err
	}
	p, err := makePlan(entries, &s.current)
	if err != nil {
		return Result{}, err
	}
	if err := s.salvage(p); err != nil {
		return Result{}, err
	}
	aclWarning, err := s.settle(p)
	if err != nil {
		return Result{}, err
	}
	result := Result{Missing: p.missing, Warnings: append(warnings, aclWarning...)}
	newLinks, err := s.missingLinks(p)
	if err != nil {
		return Result{}, err
	}
	same, err := p.unchanged(&s.current)
	if err != nil {
		return Result{}, fileError("encode", manifestName, err)
	}
	if same {
		if err := s.makeLinks(newLinks); err != nil {
			return Result{}, err
		}
		s.forget()
		result.Warnings = append(result.Warnings, s.clear()...)
		return result, nil
	}
	name := generationName(s.next)
	s.next++
	if err := s.publish(name, p, newLinks); err != nil {
		return s.abandon(entries, err)
	}
	s.replaced(s.current.name)
	s.current = generation{name: name, manifest: p.manifest}
	s.fs.identify(&s.current)
	result.Changed = true
	result.Warnings = append(result.Warnings, s.tidy()...)
	return result, nil
}

// look is step 1.
func (s *Store) look() ([]string, error) {
	if s.fs.readlink(dataLink) == s.current.name {
		return s.fs.refresh(&s.current), nil
	}
	return s.recover()
}

// publish is steps 4 to 7.
func (s *Store) publish(name string, p *plan, newLinks []string) error {
	if err := s.build(name, p); err != nil {
		return err
	}
	if err := s.makeLinks(newLinks); err != nil {
		return err
	}
	if err := s.fs.syncDir("."); err != nil {
		return err
	}
	if err := s.fs.symlink(name, dataTemp); err != nil {
		return err
	}
	return s.fs.rename(dataTemp, dataLink)
}

// abandon removes what publish made; what cannot be removed now, the next Commit removes, or Open. On a
// full volume the space that old generations take is worth more than their last readers.
func (s *Store) abandon(entries []Entry, err error) (Result, error) {
	var e *Error
	again := errors.As(err, &e) && e.Reason == NoSpace && len(s.leaving) > 0
	if again {
		s.leaving = nil
	}
	s.stale = true
	s.clear()
	if again {
		return s.commit(entries)
	}
	return Result{}, err
}

// tidy is steps 8 and 9. What fails there is done again by the next Commit or Open.
func (s *Store) tidy() (warnings []string) {
	if err := s.fs.syncDir("."); err != nil {
		warnings = append(warnings, "the new certificates are in place, but not yet on disk: "+err.Error())
	}
	return append(warnings, s.clear()...)
}
