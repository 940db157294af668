-- Written by hand: the generator takes the comma of an expression for one between columns.
CREATE INDEX `messages_by_file` ON `messages` (json_extract(body, '$.media.uploadId')) WHERE json_extract(body, '$.media.uploadId') is not null;
