# Runs the AWS CLI once for each line of standard input, a JSON list of arguments,
# and answers with a line of JSON: exit status, output, errors. Each run is a
# process of its own, forked from this one after the CLI's modules and models
# are loaded, which is what takes a second otherwise.
import json
import os
import sys
import tempfile

from awscli.clidriver import create_clidriver

driver = create_clidriver()
loader = driver.session.get_component("data_loader")
for service in ("kms", "iam", "sts", "cloudtrail"):
    for kind in ("service-2", "paginators-1"):
        loader.load_service_model(service, kind)
loader.load_data("endpoints")


def run(arguments):
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        status = 255
        try:
            status = driver.main(arguments)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    texts = []
    for file in (out, err):
        file.seek(0)
        texts.append(file.read().decode())
        file.close()
    return {"status": os.waitstatus_to_exitcode(ended), "out": texts[0], "err": texts[1]}


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
