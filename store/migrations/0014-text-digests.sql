-- What a record's text was when it was last saved, as the first half of its SHA-256: the same text again is no change,
-- and is found so without sending or parsing it. Null after a merge, whose text nobody has seen.
alter table records add column text_digest uuid;
