//! `weir-s3-server FOLDER BUCKET ACCESS_KEY SECRET_KEY`: serves a folder as S3 on a free loopback
//! port, and checks signatures. It prints `http://127.0.0.1:PORT` on stdout. Buckets are subfolders
//! of FOLDER, and objects are files in them. The program creates BUCKET.

use std::{collections::BTreeMap, sync::Mutex};

use hyper::{
    Request,
    body::Incoming,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{S3, S3Request, S3Response, S3Result, auth::SimpleAuth, dto::*, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tokio::net::TcpListener;

/// s3s-fs does not list multipart uploads, so this server keeps them in memory.
struct Server {
    files: FileSystem,
    uploads: Mutex<BTreeMap<String, (String, String)>>,
}

impl Server {
    fn forget(&self, id: &str) {
        self.uploads.lock().expect("no panic").remove(id);
    }
}

#[async_trait::async_trait]
impl S3 for Server {
    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let place = (req.input.bucket.clone(), req.input.key.clone());
        let answer = self.files.create_multipart_upload(req).await?;
        let id = answer.output.upload_id.clone().unwrap_or_default();
        self.uploads.lock().expect("no panic").insert(id, place);
        Ok(answer)
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let id = req.input.upload_id.clone();
        let answer = self.files.complete_multipart_upload(req).await?;
        self.forget(&id);
        Ok(answer)
    }

    async fn abort_multipart_upload(&self, req: S3Request<AbortMultipartUploadInput>) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let id = req.input.upload_id.clone();
        let answer = self.files.abort_multipart_upload(req).await?;
        self.forget(&id);
        Ok(answer)
    }

    async fn list_multipart_uploads(&self, req: S3Request<ListMultipartUploadsInput>) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let (bucket, prefix) = (req.input.bucket, req.input.prefix.unwrap_or_default());
        let uploads = self.uploads.lock().expect("no panic");
        let found = uploads.iter().filter(|(_, (b, key))| *b == bucket && key.starts_with(&prefix));
        let upload = |(id, (_, key)): (&String, &(String, String))| MultipartUpload {
            key: Some(key.clone()),
            upload_id: Some(id.clone()),
            ..Default::default()
        };
        let uploads = Some(found.map(upload).collect());
        Ok(S3Response::new(ListMultipartUploadsOutput { bucket: Some(bucket), prefix: Some(prefix), uploads, ..Default::default() }))
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        self.files.upload_part(req).await
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        self.files.put_object(req).await
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        self.files.get_object(req).await
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        self.files.head_object(req).await
    }

    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.files.delete_object(req).await
    }

    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.files.list_objects_v2(req).await
    }
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [folder, bucket, access_key, secret_key] = &args[..] else { panic!("FOLDER BUCKET ACCESS_KEY SECRET_KEY") };
    std::fs::create_dir_all(std::path::Path::new(folder).join(bucket)).expect("the bucket's folder");
    let server = Server { files: FileSystem::new(folder).expect("the folder"), uploads: Mutex::default() };
    let service = {
        let mut service = S3ServiceBuilder::new(server);
        service.set_auth(SimpleAuth::from_single(access_key.clone(), secret_key.clone()));
        service.build()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("http://{}", listener.local_addr().expect("an address"));
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        let service = service.clone();
        // S3 completes a request also if the client disconnects.
        let to_its_end = service_fn(move |request: Request<Incoming>| {
            let service = service.clone();
            async move { tokio::spawn(async move { Service::call(&service, request).await }).await.expect("no panic") }
        });
        tokio::spawn(async move { Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), to_its_end).await });
    }
}
