import boto3

client = boto3.client(
    "s3", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
)
print(client.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"}).split("?")[0])
