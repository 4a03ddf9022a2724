-- The queue: a person may put a job before another, and what the end of a program stopped goes on by itself.
-- Previous studio: unaffected, it takes jobs in the order they came and leaves what is paused to the person.
-- Where a job stands; between two others is half way. NULL is where it came: at its id.
ALTER TABLE jobs ADD COLUMN place REAL;
-- Paused by nobody: the next studio goes on with it.
ALTER TABLE jobs ADD COLUMN goes_on BOOLEAN NOT NULL DEFAULT FALSE;
