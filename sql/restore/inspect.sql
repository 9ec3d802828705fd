-- The major version of the server, and whether Chatalot's schema is there. Run by psql.
select current_setting('server_version_num')::integer / 10000, to_regclass('public.instance') is not null;
