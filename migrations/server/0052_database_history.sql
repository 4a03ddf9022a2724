-- Which history of the data a cursor is of: another after every way in which a backup is brought back, and after a failover.
-- Previous server: unaffected; its cursors begin anew once, when it is replaced.
CREATE FUNCTION database_history() RETURNS TEXT LANGUAGE sql STABLE
RETURN (
    SELECT concat_ws('/', system_identifier,
                     -- The timeline of the log, another after a restore to a point in time and a failover.
                     left(pg_walfile_name(pg_current_wal_lsn()), 8),
                     -- A dump is restored into another database, or makes the tables of this one anew.
                     (SELECT oid FROM pg_database WHERE datname = current_database()),
                     (SELECT oid FROM pg_class WHERE relname = 'user_feed' AND relnamespace = 'public'::regnamespace))
      FROM pg_control_system()
);
