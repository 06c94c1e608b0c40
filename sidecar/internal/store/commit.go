package store

import "errors"

// commit is the only way in which a store changes:
//
//  1. Check what is published, in case someone else changed it (checkPublished).
//  2. Plan the new generation in memory (makePlan). This step settles names, conflicts and
//     permissions, and reads the contents of files that have to be copied. After it, only the file
//     system can fail. Damaged or unlisted files of an entry that brings no new files stay as they
//     are.
//  3. If the plan is already published, restore missing links, remove old generations, and stop.
//  4. Create the directory "..<generation>" (writeGeneration): carry unchanged files forward by
//     hard link, write and sync the others, create the links, and sync the directories.
//  5. Create the new links "<name> -> ..data/<name>", and the views of directories. They dangle
//     until the swap. If the file system refuses a name, begin again without its certificate.
//  6. Sync the store's directory. From now on, everything that "..data" may lead to survives a
//     crash.
//  7. Create "..data_tmp -> ..<generation>" and rename it to "..data". rename(2) replaces the link
//     atomically: a path resolves through the old link or through the new one. Watchers see one
//     IN_MOVED_TO event on "..data".
//  8. Notify the programs that watch a view or a single file (tellWatchers), and replace the links
//     of the extension (replaceLinks): before the swap, the new links would dangle.
//  9. Sync the store's directory again, so that the swap survives a power failure.
//  10. Remove links without a target, and old generations that no reader can be using (cleanUp).
//     Resolving a path takes several steps. A reader that followed the old "..data" before the swap
//     must still find its file there, so a replaced generation stays for a grace period.
//
// If one of the steps 4 to 7 fails, commit removes the new generation and its links, and the old
// generation stays published. After step 7 the new generation is published, and a failure is only a
// warning, or blocks a certificate. After a crash, Open does the steps 8 and 10, and the next
// commit replaces links.
func (s *Store) commit(entries []Entry) (Result, error) {
	warnings, err := s.checkPublished()
	if err != nil {
		return Result{}, err
	}
	p, err := s.makePlan(entries)
	if err != nil {
		return Result{}, err
	}
	result := Result{Missing: p.missing, Blocked: p.blocked, Warnings: append(warnings, p.warnings...)}
	same, err := p.isPublished(&s.current)
	if err != nil {
		return Result{}, fileError("encode", manifestName, err)
	}
	if same {
		if err := s.createMissing(p); err != nil {
			return s.rollBack(entries, err)
		}
		s.replaceLinks(p)
		s.expireReplaced()
		result.Warnings = append(result.Warnings, s.cleanUp()...)
		return result, nil
	}
	name := generationName(s.nextNumber)
	s.nextNumber++
	if err := s.publish(name, p); err != nil {
		return s.rollBack(entries, err)
	}
	old := s.current
	s.markReplaced(old.name, 0)
	s.current = generation{name: name, manifest: p.manifest}
	s.fs.recordIDs(&s.current)
	result.Changed = true
	result.Warnings = append(result.Warnings, s.tellWatchers(old)...)
	s.replaceLinks(p)
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
func (s *Store) makePlan(entries []Entry) (p *plan, err error) {
	p = newPlan(entries, &s.current, s.inTheWay)
	if err := s.carryDamaged(p); err != nil {
		return nil, err
	}
	if p.warnings, err = s.prepareFiles(p); err != nil {
		return nil, err
	}
	links, warnings := s.planLinks(p)
	p.links, p.warnings = links, append(p.warnings, warnings...)
	return p, nil
}

// publish does the steps 4 to 7.
func (s *Store) publish(name string, p *plan) error {
	if err := s.writeGeneration(name, p); err != nil {
		return err
	}
	if err := s.createMissing(p); err != nil {
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
// the space is worth more than their last readers. It also tries again without refused names.
func (s *Store) rollBack(entries []Entry, err error) (Result, error) {
	retry := errors.Is(err, errRefused)
	if e, ok := errors.AsType[*Error](err); ok && e.Reason == NoSpace && len(s.replaced) > 0 {
		s.replaced, retry = nil, true
	}
	s.cleanUpPending = true
	s.cleanUp()
	if retry {
		return s.commit(entries)
	}
	return Result{}, err
}

// syncAndCleanUp does the steps 9 and 10. The next Commit or Open repeats what fails.
func (s *Store) syncAndCleanUp() (warnings []string) {
	if err := s.fs.syncDir("."); err != nil {
		warnings = append(warnings, "the new certificates are published, but not yet synced to disk: "+err.Error())
	}
	return append(warnings, s.cleanUp()...)
}
