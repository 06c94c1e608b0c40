package store

import "errors"

const (
	dataLink = "..data"
	// dataTemp is the name of the new dataLink before it is renamed.
	dataTemp = "..data_tmp"
)

// commit is the only way in which a store changes:
//
//  1. Check what is published, in case someone else changed it (checkPublished).
//  2. Plan the new generation in memory (makePlan). This step settles names, conflicts and
//     permissions, and reads the contents of files that have to be copied. After it, only the file
//     system can fail. Damaged or unlisted files of an entry that brings no new files stay as they
//     are.
//  3. If the plan is already published, restore missing top-level links, remove old generations,
//     and stop.
//  4. Create the directory "..<generation>" (writeGeneration): carry unchanged files forward by
//     hard link, write and sync the others, create the links, and sync the directories.
//  5. Create the new top-level links "<name> -> ..data/<name>". They dangle until the swap.
//  6. Sync the store's directory. From now on, everything that "..data" may lead to survives a
//     crash.
//  7. Create "..data_tmp -> ..<generation>" and rename it to "..data". rename(2) replaces the link
//     atomically: a path resolves through the old link or through the new one. Watchers see one
//     IN_MOVED_TO event on "..data".
//  8. Sync the store's directory again, so that the swap survives a power failure.
//  9. Remove dangling top-level links, and old generations that no reader can be using (cleanUp).
//     Resolving a path takes several steps. A reader that followed the old "..data" before the swap
//     must still find its file there, so a replaced generation stays for a grace period.
//
// If one of the steps 4 to 7 fails, commit removes the new generation and its top-level links, and
// the old generation stays published. After step 7 the new generation is published, and a failure
// is only a warning. After a crash, Open does step 9.
func (s *Store) commit(entries []Entry) (Result, error) {
	warnings, err := s.checkPublished()
	if err != nil {
		return Result{}, err
	}
	p, err := s.makePlan(entries)
	if err != nil {
		return Result{}, err
	}
	result := Result{Missing: p.missing, Warnings: append(warnings, p.warnings...)}
	same, err := p.isPublished(&s.current)
	if err != nil {
		return Result{}, fileError("encode", manifestName, err)
	}
	if same {
		if err := s.createLinks(p.newLinks); err != nil {
			return Result{}, err
		}
		s.expireReplaced()
		result.Warnings = append(result.Warnings, s.cleanUp()...)
		return result, nil
	}
	name := generationName(s.nextNumber)
	s.nextNumber++
	if err := s.publish(name, p); err != nil {
		return s.rollBack(entries, err)
	}
	s.markReplaced(s.current.name)
	s.current = generation{name: name, manifest: p.manifest}
	s.fs.recordIDs(&s.current)
	result.Changed = true
	result.Warnings = append(result.Warnings, s.syncAndCleanUp()...)
	return result, nil
}

// checkPublished does step 1.
func (s *Store) checkPublished() ([]string, error) {
	if s.fs.readlink(dataLink) == s.current.name {
		return s.fs.recheck(&s.current), nil
	}
	return s.loadPublished()
}

// makePlan does step 2.
func (s *Store) makePlan(entries []Entry) (*plan, error) {
	p, err := newPlan(entries, &s.current)
	if err != nil {
		return nil, err
	}
	if err := s.carryDamaged(p); err != nil {
		return nil, err
	}
	if p.warnings, err = s.prepareFiles(p); err != nil {
		return nil, err
	}
	if p.newLinks, err = s.missingLinks(p); err != nil {
		return nil, err
	}
	return p, nil
}

// publish does the steps 4 to 7.
func (s *Store) publish(name string, p *plan) error {
	if err := s.writeGeneration(name, p); err != nil {
		return err
	}
	if err := s.createLinks(p.newLinks); err != nil {
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

// rollBack removes what publish created. The next Commit or Open removes what rollBack cannot. If
// the volume is full, rollBack also removes the replaced generations and tries the commit again:
// the space is worth more than their last readers.
func (s *Store) rollBack(entries []Entry, err error) (Result, error) {
	var e *Error
	retry := errors.As(err, &e) && e.Reason == NoSpace && len(s.replaced) > 0
	if retry {
		s.replaced = nil
	}
	s.cleanUpPending = true
	s.cleanUp()
	if retry {
		return s.commit(entries)
	}
	return Result{}, err
}

// syncAndCleanUp does the steps 8 and 9. The next Commit or Open repeats what fails.
func (s *Store) syncAndCleanUp() (warnings []string) {
	if err := s.fs.syncDir("."); err != nil {
		warnings = append(warnings, "the new certificates are published, but not yet synced to disk: "+err.Error())
	}
	return append(warnings, s.cleanUp()...)
}
