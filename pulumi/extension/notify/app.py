"""Writes one line per event. Replace it with whatever your team wants to know or do."""


def handler(event, context):
    detail = event["detail"]
    print(f"{event['detail-type']} of {detail['data']['id']}, event {detail['id']}")
