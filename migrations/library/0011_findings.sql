-- Why something was refused is a code with fields, said in the person's language; earlier studios wrote down an English sentence.
-- Previous studio: cannot read a failure in the new form; nothing else depends on it.
UPDATE jobs
   SET failure = json_set(failure, '$.details.reason', json('{"code":"reason_not_kept","details":{}}'))
 WHERE failure ->> '$.code' IN ('model_unsupported','file_invalid','download_failed','worker_crashed','device_unavailable');
UPDATE jobs
   SET failure = json_set(failure, '$.details.problems', json('[{"code":"reason_not_kept","details":{}}]'))
 WHERE failure ->> '$.code' IN ('style_unhealthy','training_not_possible');
UPDATE generations
   SET failure = json_set(failure, '$.details.reason', json('{"code":"reason_not_kept","details":{}}'))
 WHERE failure ->> '$.code' IN ('model_unsupported','file_invalid','download_failed','worker_crashed','device_unavailable');
UPDATE styles
   SET training_failure = json_set(training_failure, '$.details.reason', json('{"code":"reason_not_kept","details":{}}'))
 WHERE training_failure ->> '$.code'
       IN ('model_unsupported','file_invalid','download_failed','worker_crashed','device_unavailable');
UPDATE styles
   SET training_failure = json_set(training_failure, '$.details.problems', json('[{"code":"reason_not_kept","details":{}}]'))
 WHERE training_failure ->> '$.code' IN ('style_unhealthy','training_not_possible');
