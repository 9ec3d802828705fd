-- Whether anybody has registered. No parameters. Index: any; stops at the first row.
select exists (select from users) as exist
