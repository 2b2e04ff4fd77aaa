-- From accounts and sessions alone to the whole chat.  A line @install PATTERN stands for
-- the rooms of the install script that match it, in their order: they are new as a whole.
-- What has changed in the rooms that 0.0.1 had comes before them.

@install [4-9]*.sql
