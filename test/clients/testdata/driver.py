"""Makes the calls that it reads from standard input with boto3.

A line in: {"service": "kms", "operation": "Encrypt", "in": {...}}, blobs in base64. A line out:
{"out": {...}} with blobs in base64, or {"code": ..., "message": ...}.
"""
import base64
import datetime
import json
import os
import sys

import boto3
import botocore.config
import botocore.exceptions

clients = {}


def client_of(service):
    if service not in clients:
        clients[service] = boto3.client(
            service,
            endpoint_url=os.environ["TRENT_URL"],
            config=botocore.config.Config(retries={"max_attempts": 0}),
        )
    return clients[service]


def blobs_to_bytes(shape, value):
    """Turns the base64 strings of blob members into bytes, as boto3 wants them."""
    if shape.type_name == "blob":
        return base64.b64decode(value)
    if shape.type_name == "structure":
        return {k: blobs_to_bytes(shape.members[k], v) if k in shape.members else v for k, v in value.items()}
    if shape.type_name == "list":
        return [blobs_to_bytes(shape.member, v) for v in value]
    return value


def to_json(value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    raise TypeError(type(value))


for line in sys.stdin:
    request = json.loads(line)
    operation = request["operation"]
    try:
        client = client_of(request["service"])
        methods = {operation: method for method, operation in client.meta.method_to_api_mapping.items()}
        model = client.meta.service_model
        members = blobs_to_bytes(model.operation_model(operation).input_shape, request["in"])
        out = getattr(client, methods[operation])(**members)
        out.pop("ResponseMetadata")
        answer = {"out": out}
    except botocore.exceptions.ClientError as e:
        answer = {"code": e.response["Error"]["Code"], "message": e.response["Error"].get("Message", "")}
    except Exception as e:
        answer = {"code": type(e).__name__, "message": str(e)}
    print(json.dumps(answer, default=to_json), flush=True)
